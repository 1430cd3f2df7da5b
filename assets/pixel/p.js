// Cartback's pixel. Told in short names because every shopper loads it; lines are trimmed and comments left out as it is
// served. It keeps nothing before consent, sends nothing to a browser that asks for that (GPC, DNT), and never reads what
// is typed, except the words of a search as they stand in the address.
//
// w d n L: window, document, navigator, location. o: options, the data attributes of the script's own tag.
// H: the page we are on, S: since when, D: how far down, T: the timer.
// me: what every body says (i visitor, q campaign tags, r page before, t recovery token). E: events that wait.
((w, d, n, L, K) => {
let s = d.currentScript, o = s.dataset, door = s.src.replace(/\/p\/([\w-]+)\.js.*/, '/e/$1'), Q = (w[K] || {}).q || [],
E = [], T, H, S, D, lcp, ok, N = Date.now;
w[K] = () => {};
if (n.globalPrivacyControl || n.doNotTrack == 1) return;

// Without consent a visitor lives as long as the page.
let rnd = c => crypto.getRandomValues(new Uint32Array(c)).join('-'),
me = {
  i: rnd(4), r: d.referrer, t: (L.search.match(/[?&]cartback=([\w-]+)/) || [])[1],
  q: L.search.slice(1).split('&').filter(p => /^(utm_|\w*clid=|[gw]braid=|epik=|li_fat_id=)/.test(p)).join('&')
},

C = yes => {
  ok = !!yes;
  try {
    let box = localStorage, was = box[K];
    if (!ok) return box.removeItem(K), E = [];
    if (was) {
      was = JSON.parse(was);
      // A new visit has a source of its own, or keeps the one before.
      if (me.q || me.r && me.r.indexOf(L.origin)) was = { ...was, q: me.q, r: me.r };
      me = { ...was, t: me.t || was.t };
    }
    box[K] = JSON.stringify(me);
  } catch (e) {}
},

send = () => {
  clearTimeout(T); T = 0;
  if (!E[0]) return;
  let body = JSON.stringify({ ...me, u: L.origin + H, e: E.splice(0, 50).map(e => ({ ...e, a: N() - e.a })) });
  n.sendBeacon && n.sendBeacon(door, body) || fetch(door, { method: 'POST', body, keepalive: true, mode: 'no-cors' }).catch(() => {});
  send();
},

// x: what it was done to, or everything about it; m: how much.
add = (name, x = '', m = x.number) => {
  if (ok === false) return;
  E.push({ n: name, d: rnd(2), a: N(), u: H, g: x.trim ? x : x.target, p: x.product, v: x.value, c: x.currency, m, k: x.cart, o: x.order, w: x.payment });
  T = T || setTimeout(send, 800);
},

on = (t, f, to) => (to || d).addEventListener(t, f, true),
has = (name, known) => RegExp(o[name] || known).test(H),
meta = p => (d.querySelector(`meta[property="${p}"]`) || {}).content,
end = () => { S && add('stayed', '', (N() - S) / 1e3); S = 0; },

page = () => {
  if (H == L.pathname) return;
  end();
  H = L.pathname; S = N(); D = 0;
  add('page_viewed');
  let q = new URLSearchParams(L.search), f = q.get('q') || q.get('s') || q.get('query') || q.get('search');
  f && add('searched', f);
  if (meta('og:type') == 'product' || has('product', '/products?/.'))
    add('product_viewed', { product: meta('og:title') || d.title, value: meta('product:price:amount'), currency: meta('product:price:currency') });
  else if (has('list', '/(collections|product-category)/')) add('list_viewed', H);
  if (has('thanks', 'order-received|thank.?you')) add('ordered', { ...o, order: o.order || (H.match(/(?:received|orders)\/([\w-]+)/) || [])[1] });
  else has('checkout', '/checkout') && add('checkout_started', o);
  d.querySelectorAll('[data-cartback-view]').forEach(e => add(e.dataset.cartbackView, e.dataset));
};

['pushState', 'replaceState'].map(f => {
  let was = history[f];
  history[f] = function () { was.apply(this, arguments); setTimeout(page); };
});
on('popstate', () => setTimeout(page), w);

on('click', e => {
  let t = e.target.closest('[data-cartback-click],.add_to_cart_button,a[href]'), h = (t || {}).href, x;
  if (!t) return;
  (x = t.dataset.cartbackClick) ? add(x, t.dataset) :
  /add_to_cart/.test(t.className) ? add('cart_added', t.dataset) :
  /^tel:/.test(h) ? add('call_clicked') :
  /\/maps|\/maps\./.test(h) ? add('directions_clicked') :
  /share|intent\//.test(h) ? add('shared', t.hostname) :
  /\.(pdf|zip|docx?|xlsx?|pptx?|epub|csv|mp3)$/i.test(t.pathname) ? add('downloaded', t.pathname) :
  t.host && t.host != L.host && add('link_clicked', t.hostname);
});
on('submit', e => {
  let f = e.target, x = f.dataset;
  add(x.cartbackSubmit || (/cart\/add/.test(f.action) || f['add-to-cart'] ? 'cart_added' : 'form_submitted'), { target: f.id, product: meta('og:title'), ...x });
});
on('change', e => { let t = e.target.type; /^(email|tel)$/.test(t) && add('contact_entered', t); });
on('play', e => add('video_played', e.target.currentSrc));
on('ended', e => add('video_completed', e.target.currentSrc));
on('copy', () => add('copied'));
on('scroll', () => {
  let h = d.documentElement;
  while (D < 100 && (h.scrollTop + innerHeight) / h.scrollHeight > D / 100 + .249) add('scrolled', '', D += 25);
}, w);
try { new PerformanceObserver(l => { lcp = l.getEntries().pop().startTime; }).observe({ type: 'largest-contentful-paint', buffered: true }); } catch (e) {}

// The last moment at which a phone lets a page say anything.
on('visibilitychange', () => {
  if (!d.hidden) return S = N();
  lcp && add('page_speed', '', lcp);
  lcp = 0; end(); send();
});
on('pagehide', () => { end(); send(); }, w);

w[K] = (what, a, b) => what == 'consent' ? C(a) : what == 'event' ? add(a, b) : (H = 0, page());

// What the shop's own banner says, now and later.
let asked = () => {
  let c = (w.Shopify || {}).customerPrivacy, p = w.wp_has_consent;
  c ? C(c.analyticsProcessingAllowed()) : p && C(p('statistics'));
};
try { (o.consent == 'granted' || localStorage[K]) && C(1); } catch (e) {}
asked();
on('visitorConsentCollected', asked); on('wp_listen_for_consent_change', asked);
Q.map(a => w[K](...a));
page();
})(window, document, navigator, location, 'cartback');
