/**
 * The checkout page's eyes: reads the form while the consent box is ticked and tells the shop itself, never anyone else.
 * Until the box is ticked nothing that was typed leaves the page; when the tick is taken back, only that is told.
 */
( function () {
	'use strict';

	var settings = window.cartbackSettings;
	var QUIET_MS = 1500;
	var timer = null;
	var told = null;

	if ( ! settings || ! window.FormData ) {
		return;
	}

	function value( id ) {
		var field = document.getElementById( id );
		return field && field.value ? field.value.trim() : '';
	}

	/** The classic checkout: a form with fixed names. Null when it is not on this page. */
	function classic() {
		var box = document.querySelector( 'input[name="' + settings.classic + '"]' );
		return box && {
			ticked: box.checked,
			phone: value( 'billing_phone' ),
			email: value( 'billing_email' ),
			first_name: value( 'billing_first_name' ),
			country: value( 'billing_country' ),
			region: value( 'billing_state' ),
		};
	}

	/** The Blocks checkout: its stores change less often than its markup. Null when it is not on this page. */
	function blocks() {
		var data = window.wp && window.wp.data;
		var cart = data && data.select( 'wc/store/cart' );
		if ( ! cart || ! cart.getCustomerData ) {
			return null;
		}
		var customer = cart.getCustomerData() || {};
		var billing = customer.billingAddress || {};
		var shipping = customer.shippingAddress || {};
		return {
			ticked: tickedInBlocks( data.select( 'wc/store/checkout' ) ),
			phone: billing.phone || shipping.phone || '',
			email: billing.email || '',
			first_name: billing.first_name || shipping.first_name || '',
			country: billing.country || shipping.country || '',
			region: billing.state || shipping.state || '',
		};
	}

	function tickedInBlocks( checkout ) {
		var fields = checkout && checkout.getAdditionalFields ? checkout.getAdditionalFields() : null;
		if ( fields && settings.blocks in fields ) {
			return true === fields[ settings.blocks ];
		}
		var box = document.getElementById( 'order-' + settings.blocks.replace( '/', '-' ) );
		return !! box && box.checked;
	}

	function zone() {
		try {
			return Intl.DateTimeFormat().resolvedOptions().timeZone || '';
		} catch ( none ) {
			return '';
		}
	}

	function tell( leaving ) {
		timer = null;
		var form = classic() || blocks();
		if ( ! form || ( ! form.ticked && null === told ) ) {
			return;
		}
		var body = new FormData();
		body.append( 'action', 'cartback_capture' );
		body.append( 'nonce', settings.nonce );
		body.append( 'consent', form.ticked ? '1' : '0' );
		if ( form.ticked ) {
			if ( form.phone.replace( /\D/g, '' ).length < 6 ) {
				return;
			}
			[ 'phone', 'email', 'first_name', 'country', 'region' ].forEach( function ( name ) {
				body.append( name, form[ name ] );
			} );
			body.append( 'zone', zone() );
		}
		var now = form.ticked ? JSON.stringify( form ) : 'unticked';
		if ( now === told ) {
			return;
		}
		told = now;
		if ( leaving && navigator.sendBeacon ) {
			navigator.sendBeacon( settings.url, body );
		} else {
			window.fetch( settings.url, { method: 'POST', body: body, credentials: 'same-origin', keepalive: true } ).catch( function () {
				told = 'failed';
			} );
		}
	}

	/** Waits until nobody has typed for a moment. */
	function later() {
		clearTimeout( timer );
		timer = setTimeout( tell, QUIET_MS, false );
	}

	// On the document: both checkouts replace their fields while the page lives.
	document.addEventListener( 'input', later );
	document.addEventListener( 'change', later );
	// What fills the Blocks checkout without typing (a wallet, a finder of addresses) shows in its store alone.
	document.addEventListener( 'DOMContentLoaded', function () {
		var data = window.wp && window.wp.data;
		var seen = null;
		if ( ! data || ! data.subscribe || classic() ) {
			return;
		}
		data.subscribe( function () {
			var now = JSON.stringify( blocks() );
			if ( now !== seen ) {
				seen = now;
				later();
			}
		} );
	} );
	window.addEventListener( 'pagehide', function () {
		if ( timer ) {
			clearTimeout( timer );
			tell( true );
		}
	} );
} )();
