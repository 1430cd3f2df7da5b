/** Tests of the scripts that run in a shop's checkout, in as much of a browser as they touch: `node tests/connect/node/scripts.cjs`. */
'use strict'
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')

const assets = path.resolve(__dirname, '../../../assets')

/** A page with these fields; `posts` is all that leaves it. */
function page(script, settings, fields, more = {}) {
  const listeners = {}
  const timers = new Map()
  const posts = []
  const listen = (name, act) => (listeners[name] ??= []).push(act)
  const element = given => ({
    value: '', checked: false, className: '', children: [], ...given,
    classList: { contains: name => (given.className ?? '').split(' ').includes(name) },
    closest: what => (what === 'form' ? { querySelector: find } : null),
    appendChild(child) { this.children.push(child) },
    insertAdjacentElement(where, row) { walk(row) },
  })
  const walk = it => { if (it.className === 'cartback-box') { it.classList = { contains: name => name === 'cartback-box' }; boxes.push(it) } it.children.forEach(walk) }
  const all = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, element(typeof value === 'boolean' ? { checked: value } : { value })]))
  const boxes = []
  const find = selector => (selector.includes('.cartback-box') ? boxes[0] : [...selector.matchAll(/name="([^"]+)"/g)].map(part => all[part[1]]).find(Boolean)) ?? null
  const world = {
    document: {
      addEventListener: listen, querySelector: find, querySelectorAll: () => boxes, getElementById: id => all[id] ?? null, createElement: () => element({}),
    },
    addEventListener: listen,
    FormData: class { constructor() { this.all = {} } append(name, value) { this.all[name] = value } },
    fetch: async (url, given) => { posts.push([url, given.body.all]) },
    navigator: { sendBeacon: (url, body) => posts.push([url, body && body.all]) },
    setTimeout: (act, ms, ...given) => { timers.set(timers.size + 1, () => act(...given)); return timers.size },
    clearTimeout: id => timers.delete(id),
    sessionStorage: { kept: {}, getItem(name) { return this.kept[name] ?? null }, setItem(name, value) { this.kept[name] = value } },
    Intl, Date, JSON, Object, Number, String, ...settings, ...more,
  }
  world.window = world
  vm.runInNewContext(fs.readFileSync(path.join(assets, script), 'utf8'), world)
  const fire = (name, target) => (listeners[name] ?? []).forEach(act => act({ target }))
  const quiet = () => { const due = [...timers.values()]; timers.clear(); due.forEach(act => act()) }
  return { all, boxes, posts, fire, quiet, world }
}

const woo = { cartbackSettings: { url: '/ajax', nonce: 'n', classic: 'box', blocks: 'cartback/sms-consent' } }
const classic = more => page('woocommerce/cartback.js', woo, { box: false, billing_phone: '0151 23456789', billing_email: 'ida@example.com', billing_country: 'DE', ...more })

function withBlocks() {
  const customer = { billingAddress: { phone: '', email: 'ida@example.com' }, shippingAddress: { phone: '0151 23456789', country: 'DE' } }
  const fields = {}
  let changed
  const stores = { 'wc/store/cart': { getCustomerData: () => customer }, 'wc/store/checkout': { getAdditionalFields: () => fields } }
  const wp = { data: { select: name => stores[name], subscribe: act => { changed = act } } }
  const it = page('woocommerce/cartback.js', woo, {}, { wp })
  it.fire('DOMContentLoaded')
  return { ...it, customer, fields, changed: () => changed() }
}

const presta = more => ({ cartbackSettings: { capture: '/capture', send: '', token: 't', wording: 'Text <b>me</b>', ticked: false, ...more } })
const address = settings => page('connect/prestashop/cartback/views/js/cartback.js', settings, { phone: '0151 23456789', email: 'ida@example.com', id_country: '1' })

const tests = {
  'WooCommerce, classic: nothing leaves until the box is ticked, and its taking back alone is told'() {
    const it = classic()
    it.fire('input'); it.quiet(); it.fire('input'); it.fire('pagehide')
    assert.deepEqual(it.posts, [])
    it.all.box.checked = true
    it.fire('change'); it.quiet()
    assert.equal(it.posts.length, 1)
    assert.equal(it.posts[0][1].phone, '0151 23456789')
    it.fire('change'); it.quiet()
    assert.equal(it.posts.length, 1, 'the same again')
    it.all.box.checked = false
    it.fire('change'); it.quiet()
    assert.deepEqual({ ...it.posts[1][1] }, { action: 'cartback_capture', nonce: 'n', consent: '0' })
  },
  'WooCommerce, classic: a number too short is not told, and one typed at last leaves with the page'() {
    const it = classic({ box: true, billing_phone: '0151' })
    it.fire('input'); it.quiet()
    assert.deepEqual(it.posts, [])
    it.all.billing_phone.value = '0151 23456789'
    it.fire('input'); it.fire('pagehide')
    assert.equal(it.posts.length, 1)
  },
  'WooCommerce, Blocks: what fills the form without typing is seen in the store'() {
    const it = withBlocks()
    it.changed(); it.quiet()
    assert.deepEqual(it.posts, [])
    it.fields['cartback/sms-consent'] = true
    it.changed(); it.quiet()
    assert.deepEqual([it.posts.length, it.posts[0][1].phone, it.posts[0][1].country], [1, '0151 23456789', 'DE'])
    it.changed(); it.changed(); it.quiet()
    assert.equal(it.posts.length, 1, 'a store that says nothing new')
    it.customer.billingAddress.phone = '0151 11111111'
    it.changed(); it.quiet()
    assert.equal(it.posts[1][1].phone, '0151 11111111')
  },
  'PrestaShop: the box stands beside the number, unticked, and nothing leaves before it is ticked'() {
    const it = address(presta())
    assert.deepEqual([it.boxes.length, it.boxes[0].checked], [1, false])
    it.fire('input'); it.quiet(); it.fire('pagehide')
    assert.deepEqual(it.posts, [])
    it.boxes[0].checked = true
    it.fire('change', it.boxes[0]); it.quiet()
    assert.deepEqual([it.posts[0][0], it.posts[0][1].consent, it.posts[0][1].phone, it.posts[0][1].id_country], ['/capture', '1', '0151 23456789', '1'])
    it.boxes[0].checked = false
    it.fire('change', it.boxes[0]); it.quiet()
    assert.deepEqual({ ...it.posts[1][1] }, { token: 't', consent: '0' })
  },
  'PrestaShop: a box ticked on an earlier step can be taken back'() {
    const it = address(presta({ ticked: true }))
    assert.equal(it.boxes[0].checked, true)
    it.boxes[0].checked = false
    it.fire('change', it.boxes[0]); it.quiet()
    assert.equal(it.posts[0][1].consent, '0')
  },
  'PrestaShop: the queue is asked for once a minute, and only where PHP cannot go on by itself'() {
    const asks = address(presta({ capture: '', send: '/send' }))
    asks.quiet()
    assert.deepEqual(asks.posts, [['/send', undefined]])
    asks.fire('change'); asks.quiet()
    assert.equal(asks.posts.length, 1)
    const again = page('connect/prestashop/cartback/views/js/cartback.js', presta({ capture: '', send: '/send' }), {}, { sessionStorage: asks.world.sessionStorage })
    again.quiet()
    assert.deepEqual(again.posts, [])
  },
}

let failed = 0
for (const [name, test] of Object.entries(tests)) {
  try {
    test()
  } catch (problem) {
    failed++
    console.log(`FAILED ${name}\n  ${problem.stack}`)
  }
}
console.log(`${Object.keys(tests).length - failed} of ${Object.keys(tests).length} passed`)
process.exit(failed ? 1 : 0)
