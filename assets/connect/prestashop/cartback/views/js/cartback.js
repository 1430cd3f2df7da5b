/**
 * The checkout page's eyes: reads the form while the consent box is ticked and tells the shop itself, never anyone else.
 * Until the box is ticked nothing that was typed leaves the page; when the tick is taken back, only that is told. It also
 * shows the box beside the phone field, which comes before the step the shop's theme shows it in.
 */
(function () {
  'use strict';

  var settings = window.cartbackSettings;
  var QUIET_MS = 1500;
  var SEND_EVERY_MS = 60000;
  var timer = null;
  var told = null;
  var ticked = !!(settings && settings.ticked);

  if (!settings || !window.FormData) {
    return;
  }

  function value(name) {
    var field = document.querySelector('#checkout [name="' + name + '"], form [name="' + name + '"]');
    return field && field.value ? field.value.trim() : '';
  }

  function zone() {
    try {
      return Intl.DateTimeFormat().resolvedOptions().timeZone || '';
    } catch (none) {
      return '';
    }
  }

  function form() {
    return {
      phone: value('phone_mobile') || value('phone'),
      email: value('email'),
      first_name: value('firstname'),
      id_country: value('id_country'),
    };
  }

  function tell(leaving) {
    timer = null;
    if (!ticked && told === null && !settings.ticked) {
      return;
    }
    var body = new FormData();
    body.append('token', settings.token);
    body.append('consent', ticked ? '1' : '0');
    var now = 'unticked';
    if (ticked) {
      var typed = form();
      Object.keys(typed).forEach(function (name) {
        body.append(name, typed[name]);
      });
      body.append('zone', zone());
      now = JSON.stringify(typed);
    }
    if (now === told) {
      return;
    }
    told = now;
    if (leaving && navigator.sendBeacon) {
      navigator.sendBeacon(settings.capture, body);
    } else {
      window.fetch(settings.capture, { method: 'POST', body: body, credentials: 'same-origin', keepalive: true }).catch(function () {
        told = 'failed';
      });
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(tell, QUIET_MS, false);
  }

  /** One box beside the phone field, where there is one and no box yet. */
  function offer() {
    var phone = document.querySelector('#checkout input[name="phone_mobile"], #checkout input[name="phone"]');
    if (!phone || phone.closest('form').querySelector('.cartback-box')) {
      return;
    }
    var row = document.createElement('div');
    row.className = 'cartback-consent form-group';
    var label = document.createElement('label');
    var box = document.createElement('input');
    var words = document.createElement('span');
    box.type = 'checkbox';
    box.className = 'cartback-box';
    box.checked = ticked;
    words.textContent = ' ' + settings.wording;
    label.appendChild(box);
    label.appendChild(words);
    row.appendChild(label);
    (phone.closest('.form-group') || phone).insertAdjacentElement('afterend', row);
  }

  if (settings.capture) {
    document.addEventListener('change', function (event) {
      if (event.target && event.target.classList && event.target.classList.contains('cartback-box')) {
        ticked = event.target.checked;
        document.querySelectorAll('.cartback-box').forEach(function (box) {
          box.checked = ticked;
        });
      }
      later();
    });
    document.addEventListener('input', later);
    window.addEventListener('pagehide', function () {
      if (timer) {
        clearTimeout(timer);
        tell(true);
      }
    });
    offer();
    // The theme draws the address form anew when the country changes.
    if (window.prestashop && window.prestashop.on) {
      window.prestashop.on('updatedAddressForm', offer);
    }
  }

  /** Where PHP cannot go on after a page, the browser asks the shop to: once a minute at most, and waits for nothing. */
  if (settings.send && navigator.sendBeacon) {
    var last = 0;
    try {
      last = Number(window.sessionStorage.getItem('cartback_send')) || 0;
      if (Date.now() - last > SEND_EVERY_MS) {
        window.sessionStorage.setItem('cartback_send', String(Date.now()));
        setTimeout(function () {
          navigator.sendBeacon(settings.send);
        }, 4000);
      }
    } catch (none) {
      // A browser that keeps nothing is not asked.
    }
  }
})();
