<?php
/**
 * Tests of the WordPress plugin: `php tests/woocommerce/run.php`. With `emit` it prints, one a line, deliveries the
 * plugin makes as JSON, so that another program can check that it understands them.
 */

declare( strict_types = 1 );

use function Cartback\{capture, clean_phone, clean_settings, clean_url, connected, enqueue_pixel, erase, export, mark_order, mark_pixel, message_id, new_token, on_blocks_customer, on_blocks_order, on_capture, on_cart_change, on_classic_order, on_order_status, on_test, prune, read_restore_token, refresh, restore_cart, restore_token, row, send, show_settings, status_line, uninstall};

error_reporting( E_ALL );
set_error_handler( static function ( $level, $text, $file, $line ) {
	throw new ErrorException( $text, 0, $level, $file, $line );
} );

require __DIR__ . '/stubs.php';
require __DIR__ . '/../../assets/woocommerce/cartback.php';

const SECRET = 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';
const PHONE  = '0151 23456789';

/** @return mixed */
function same( $expected, $found, string $what ) {
	if ( $expected !== $found ) {
		throw new Exception( "$what: expected " . var_export( $expected, true ) . ', found ' . var_export( $found, true ) );
	}
	return $found;
}

/** A connected shop with two things in the visitor's cart. */
function shop(): void {
	World::reset();
	$GLOBALS['products'] = array(
		7  => new Product( 7, 'Oak <b>chair</b>', '120.00' ),
		9  => new Product( 9, 'Ash table', '310.50' ),
		91 => new Product( 91, 'Ash table, long', '410.50' ),
	);
	World::$options['cartback_settings'] = array( 'url' => 'https://hooks.example/h/1/secret', 'secret' => SECRET, 'wording' => '' );
	WC()->cart->add_to_cart( 7, 2 );
	WC()->cart->add_to_cart( 9, 1, 91, array( 'attribute_size' => 'long' ) );
}

/** What the checkout page's script posts. */
function types( array $fields ): void {
	$_POST = $fields + array( 'action' => 'cartback_capture', 'nonce' => 'n0nce' );
	ended( 'success', static fn() => on_capture() );
}

function ticks( array $more = array() ): void {
	types( $more + array( 'consent' => '1', 'phone' => PHONE, 'email' => 'Ida@Example.com', 'first_name' => 'Ida', 'country' => 'de', 'zone' => 'Europe/Berlin' ) );
}

function ended( string $expected, callable $act ): string {
	try {
		$act();
	} catch ( Ended $end ) {
		if ( 0 !== strpos( $end->getMessage(), $expected ) ) {
			throw new Exception( "ended with '{$end->getMessage()}', expected '$expected'" );
		}
		return $end->getMessage();
	}
	throw new Exception( "did not end, expected '$expected'" );
}

/** Runs what is queued once, as Action Scheduler would. */
function work(): void {
	$due          = World::$queue;
	World::$queue = array();
	foreach ( $due as list( , $values ) ) {
		send( ...$values );
	}
}

function last_body(): array {
	return json_decode( end( World::$posts )['body'], true );
}

function only_token(): string {
	same( 1, count( World::$rows ), 'rows' );
	return array_key_first( World::$rows );
}

function restore( string $token, array $more = array() ): string {
	$_GET = array( 'cartback_restore' => $token ) + $more;
	return ended( '303 ', static fn() => restore_cart() );
}

function a_link( string $token ): string {
	return restore_token( $token, time() + 1000 );
}

$tests = array(

	'nothing leaves until the box is ticked' => static function () {
		shop();
		types( array( 'consent' => '0', 'phone' => PHONE, 'email' => 'ida@example.com' ) );
		types( array( 'phone' => PHONE ) );
		$request = new Request( array( 'cartback/sms-consent' => false ) );
		$order   = new Order();
		$order->billing = array( 'billing_phone' => PHONE );
		on_blocks_order( $order, $request );
		on_blocks_customer( $order );
		work();
		same( array(), World::$rows, 'rows' );
		same( array(), World::$posts, 'posts' );
		same( array(), World::$cookies, 'cookies' );
		same( array(), $order->meta, 'meta' );
	},

	'a tick is told with its proof, signed' => static function () {
		shop();
		$_SERVER['HTTP_REFERER'] = 'https://shop.example/kasse/?key=private';
		ticks();
		unset( $_SERVER['HTTP_REFERER'] );
		work();
		same( 1, count( World::$posts ), 'posts' );
		$post = World::$posts[0];
		same( 'https://hooks.example/h/1/secret', $post['url'], 'url' );
		same( 0, $post['redirection'], 'redirects' );
		$sent     = $post['headers'];
		$expected = base64_encode( hash_hmac( 'sha256', "{$sent['webhook-id']}.{$sent['webhook-timestamp']}.{$post['body']}", base64_decode( substr( SECRET, 6 ) ), true ) );
		same( 'v1,' . $expected, $sent['webhook-signature'], 'signature' );
		$body = last_body();
		same( 'checkout.updated', $body['type'], 'type' );
		$data = $body['data'];
		same( PHONE, $data['phone'], 'phone' );
		same( 'ida@example.com', $data['email'], 'email' );
		same( 'DE', $data['country'], 'country' );
		same( 'de-DE', $data['language'], 'language' );
		same( 'Europe/Berlin', $data['time_zone'], 'zone' );
		same( '650.5', $data['total'], 'total' );
		same( array( 'Oak chair', 'Ash table, long' ), array_column( $data['items'], 'title' ), 'items' );
		$consent = $data['consent'];
		same( 'granted', $consent['state'], 'state' );
		same( 0, strpos( $consent['text'], 'Oak & Ash may remind me by SMS' ), 'wording' );
		same( 16, strlen( $consent['version'] ), 'version' );
		same( 'https://shop.example/kasse/', $consent['url'], 'page, without its query' );
		same( array( '192.0.2.7', 'Browser/1.0', 'de-DE' ), array( $consent['ip'], $consent['agent'], $consent['language'] ), 'who' );
		same( true, 1 === preg_match( '/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/', $consent['at'] ), 'time of the tick' );
	},

	'where the visit came from is told with the rest, and not without consent' => static function () {
		shop();
		ticks();
		work();
		same( '', last_body()['data']['source'], 'without order attribution' );
		foreach ( array( 'typ=utm|||src=newsletter|||mdm=email' => 'newsletter', 'typ=typein|||src=(direct)|||mdm=(none)' => '', 'mysrc=no' => '' ) as $cookie => $source ) {
			shop();
			$_COOKIE['sbjs_current'] = $cookie;
			ticks();
			work();
			same( $source, last_body()['data']['source'], $cookie );
		}
		$_COOKIE['sbjs_current'] = 'typ=utm|||src=newsletter';
		ticks();
		types( array( 'consent' => '0', 'phone' => PHONE ) );
		work();
		same( false, isset( last_body()['data']['source'] ), 'after the tick was taken back' );
	},

	'the cookie is signed, ours, and out of reach of scripts' => static function () {
		shop();
		ticks();
		list( $value, $given ) = World::$cookies['cartback_token'];
		same( array( true, true, 'Lax' ), array( $given['secure'], $given['httponly'], $given['samesite'] ), 'cookie' );
		$token = only_token();
		same( $token, strtok( $value, '.' ), 'token' );
		// A forged cookie is another visitor: this one's row is left alone.
		$_COOKIE['cartback_token'] = $token . '.' . str_repeat( '0', 32 );
		ticks( array( 'phone' => '0151 99999999' ) );
		same( 2, count( World::$rows ), 'rows' );
		same( PHONE, World::$rows[ $token ]['phone'], 'phone' );
	},

	'typing the same again tells nothing, a change tells once' => static function () {
		shop();
		ticks();
		ticks();
		same( 1, count( World::$queue ), 'queue' );
		work();
		$first = World::$posts[0]['headers']['webhook-id'];
		ticks();
		same( 0, count( World::$queue ), 'queue' );
		ticks( array( 'phone' => '0151 23456780' ) );
		work();
		same( false, $first === World::$posts[1]['headers']['webhook-id'], 'another state has another id' );
		same( '0151 23456780', last_body()['data']['phone'], 'phone' );
	},

	'a tick taken back before it was told keeps the number here' => static function () {
		shop();
		ticks();
		types( array( 'consent' => '0', 'phone' => PHONE ) );
		work();
		same( 1, count( World::$posts ), 'posts' );
		same( false, strpos( World::$posts[0]['body'], '23456789' ), 'number' );
		same( false, strpos( World::$posts[0]['body'], 'ida' ), 'e-mail' );
		same( 'not_given', last_body()['data']['consent']['state'], 'state' );
	},

	'a tick taken back later withdraws that number' => static function () {
		shop();
		ticks();
		work();
		types( array( 'consent' => '0' ) );
		work();
		$data = last_body()['data'];
		same( array( 'withdrawn', PHONE ), array( $data['consent']['state'], $data['consent']['phone'] ), 'consent' );
		same( array( false, false ), array( isset( $data['phone'] ), isset( $data['email'] ) ), 'nothing else' );
		ticks();
		work();
		same( 'granted', last_body()['data']['consent']['state'], 'ticked again' );
	},

	'a number too short or too long is not one yet' => static function () {
		same( '', clean_phone( '0151' ), 'short' );
		same( '', clean_phone( str_repeat( '1', 33 ) ), 'long' );
		same( '+49 (151) 234-567', clean_phone( "+49 (151) <script>234-567'" ), 'only what a number has' );
		shop();
		ticks( array( 'phone' => '12345' ) );
		same( array(), World::$rows, 'rows' );
	},

	'an empty cart is not a checkout' => static function () {
		shop();
		WC()->cart->lines = array();
		ticks();
		same( array(), World::$rows, 'rows' );
	},

	'without the nonce nothing is taken' => static function () {
		shop();
		World::$nonce_ok = false;
		$_POST           = array( 'consent' => '1', 'phone' => PHONE );
		ended( 'nonce', static fn() => on_capture() );
		same( array(), World::$rows, 'rows' );
	},

	'Blocks: the address is taken once the box is ticked' => static function () {
		shop();
		ticks();
		work();
		$customer          = new Order();
		$customer->billing = array( 'shipping_phone' => '0151 11111111', 'billing_country' => 'AT' );
		on_blocks_customer( $customer );
		work();
		same( array( '0151 11111111', 'AT' ), array( last_body()['data']['phone'], last_body()['data']['country'] ), 'told' );
	},

	'both checkouts offer an unticked box' => static function () {
		shop();
		World::$options['cartback_settings']['wording'] = 'Text me <script>alert(1)</script> "now"';
		ob_start();
		do_action( 'woocommerce_after_checkout_billing_form' );
		do_action( 'woocommerce_init' );
		$html = ob_get_clean();
		same( false, strpos( $html, '<script>' ), 'escaped' );
		same( false, strpos( $html, 'checked' ), 'unticked' );
		same( true, false !== strpos( $html, 'type="checkbox"' ), 'a box' );
		$field = World::$blocks_fields[0];
		same( array( 'checkbox', 'order', false ), array( $field['type'], $field['location'], $field['required'] ), 'field' );
		World::$options['cartback_settings']['secret'] = '';
		ob_start();
		do_action( 'woocommerce_after_checkout_billing_form' );
		do_action( 'woocommerce_init' );
		same( '', ob_get_clean(), 'no box while not connected' );
		same( 1, count( World::$blocks_fields ), 'no field either' );
	},

	'an order carries its checkout, its reminder and its consent' => static function () {
		shop();
		$_GET = array( 'cartback' => 'AbC_123-xyz' );
		do_action( 'init' );
		ticks();
		$order          = new Order();
		$order->billing = array( 'billing_phone' => PHONE, 'billing_email' => 'ida@example.com' );
		$_POST          = array( 'cartback_sms_consent' => '1' );
		on_classic_order( $order );
		same( only_token(), $order->meta['_cartback_token'], 'token' );
		same( 'AbC_123-xyz', $order->meta['_cartback_recovery'], 'recovery' );
		same( true, $order->meta['_cartback_consent']['sms'], 'consent' );
	},

	'an order ticked without any script is told as well' => static function () {
		shop();
		$order          = new Order();
		$order->billing = array( 'billing_phone' => PHONE );
		on_blocks_order( $order, new Request( array( 'cartback/sms-consent' => true ) ) );
		work();
		same( PHONE, last_body()['data']['phone'], 'phone' );
		same( only_token(), $order->meta['_cartback_token'], 'token' );
	},

	'a Blocks request that does not speak of the box changes nothing' => static function () {
		shop();
		ticks();
		on_blocks_order( new Order(), new Request( null ) );
		same( true, row( only_token() )['data']['consent']['sms'], 'consent' );
	},

	'a strange recovery parameter is not kept' => static function () {
		foreach ( array( 'short', str_repeat( 'a', 65 ), '<script>alert(1)</script>', "abc\r\nSet-Cookie: x", array( 'x' ) ) as $given ) {
			shop();
			$_GET = array( 'cartback' => $given );
			do_action( 'init' );
			same( array(), World::$cookies, 'cookies' );
		}
	},

	'after buying, the next cart has another token' => static function () {
		shop();
		ticks();
		$first = only_token();
		$order = new Order();
		mark_order( $order, null );
		on_order_status( 42, 'pending', 'failed', $order );
		same( 0, row( $first )['bought_at'], 'a failed payment is not bought' );
		on_order_status( 42, 'failed', 'processing', $order );
		ticks();
		same( 2, count( World::$rows ), 'rows' );
		same( false, strtok( World::$cookies['cartback_token'][0], '.' ) === $first, 'token' );
	},

	'a changed cart is told when the page is done' => static function () {
		shop();
		ticks();
		work();
		unset( WC()->cart->lines['7:0'] );
		do_action( 'woocommerce_cart_item_removed' );
		do_action( 'woocommerce_cart_item_removed' );
		same( 1, count( World::$hooks['shutdown'] ), 'once' );
		do_action( 'shutdown' );
		work();
		same( 1, count( last_body()['data']['items'] ), 'items' );
		WC()->cart->lines = array();
		do_action( 'shutdown' );
		work();
		same( 'checkout.deleted', last_body()['type'], 'type' );
	},

	'a failed delivery is tried again, with its id, and at last given up' => static function () {
		shop();
		ticks();
		World::$answer = 0;
		$waits         = array();
		for ( $try = 0; $try < 12 && World::$queue; $try++ ) {
			work();
			$waits[] = World::$queue ? World::$queue[0][0] : 'given up';
		}
		same( array( 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400, 'given up' ), $waits, 'waits' );
		same( 1, count( array_unique( array_map( static fn( $post ) => $post['headers']['webhook-id'], World::$posts ) ) ), 'ids' );
		same( true, false !== strpos( status_line(), 'cURL error 28' ), 'the shopkeeper sees why' );
	},

	'410 stops everything until the settings are saved again' => static function () {
		shop();
		ticks();
		World::$answer = 410;
		work();
		same( array( false, array() ), array( connected(), World::$queue ), 'stopped' );
		clean_settings( array( 'url' => 'https://hooks.example/h/1/secret' ) );
		same( true, connected(), 'connected again' );
	},

	'a restore link puts back what is missing and keeps the campaign' => static function () {
		shop();
		ticks();
		$token     = only_token();
		$_COOKIE   = array();
		WC()->cart = new Cart();
		WC()->cart->add_to_cart( 7, 1 );
		$to = restore( a_link( $token ), array( 'coupon' => 'OAK10', 'utm_source' => 'sms', 'utm_campaign' => 'a b&c', 'next' => 'https://evil.example' ) );
		same( '303 https://shop.example/checkout/?utm_source=sms&utm_campaign=a%20b%26c', $to, 'to' );
		same( array( '7:0', '9:91' ), array_keys( WC()->cart->lines ), 'lines' );
		same( 1, WC()->cart->lines['7:0']['quantity'], "the visitor's own line is left as it is" );
		same( array( 'oak10' ), WC()->cart->coupons, 'coupon' );
		same( true, in_array( 'Referrer-Policy: no-referrer', World::$headers, true ), 'no referrer' );
		restore( a_link( $token ), array( 'coupon' => 'OAK10' ) );
		same( array( 1, array( 'oak10' ) ), array( WC()->cart->lines['9:91']['quantity'], WC()->cart->coupons ), 'twice is once' );
	},

	'opening a link changes no other cart, logs nobody in and shows nothing personal' => static function () {
		shop();
		ticks();
		World::$queue   = array();
		$token          = only_token();
		$before         = World::$rows;
		$_COOKIE        = array();
		World::$cookies = array();
		WC()->cart      = new Cart();
		$to             = restore( a_link( $token ) );
		do_action( 'shutdown' );
		same( $before, World::$rows, 'rows' );
		same( array( array(), array(), 0 ), array( World::$queue, World::$cookies, World::$user ), 'effects' );
		same( '303 https://shop.example/checkout/', $to, 'to' );
	},

	'what is gone or dearer is said' => static function () {
		shop();
		ticks();
		$token                           = only_token();
		WC()->cart                       = new Cart();
		$GLOBALS['products'][91]->stock  = 0;
		$GLOBALS['products'][7]->price   = '125.00';
		restore( a_link( $token ) );
		same( array( '7:0' ), array_keys( WC()->cart->lines ), 'lines' );
		same( array( '1 item of your cart is no longer available.', 'Some prices have changed since you were here.' ), World::$notices, 'notices' );
		WC()->cart = new Cart();
		unset( $GLOBALS['products'][7] );
		same( '303 https://shop.example/shop/', restore( a_link( $token ), array( 'coupon' => 'OAK10' ) ), 'nothing left' );
		same( array(), WC()->cart->coupons, 'coupon' );
	},

	'what is left of a line comes back, and that it is less is said' => static function () {
		shop();
		ticks();
		$token                         = only_token();
		WC()->cart                     = new Cart();
		$GLOBALS['products'][7]->stock = 1;
		restore( a_link( $token ) );
		same( 1, WC()->cart->lines['7:0']['quantity'], 'quantity' );
		same( array( 'There is less left of some items than you had chosen.' ), World::$notices, 'notices' );
		WC()->cart                     = new Cart();
		$GLOBALS['products'][7]->price = '';
		restore( a_link( $token ) );
		same( array( '9:91' ), array_keys( WC()->cart->lines ), 'what has no price is not sold' );
	},

	'an order of a restored cart is linked to the checkout it came from' => static function () {
		shop();
		ticks();
		$token         = only_token();
		$_COOKIE       = array();
		WC()->cart     = new Cart();
		WC()->session  = new Session();
		restore( a_link( $token ) );
		$order = new Order();
		$_POST = array();
		on_classic_order( $order );
		same( $token, $order->meta['_cartback_token'], 'linked without another tick' );
		same( false, isset( $order->meta['_cartback_consent'] ), 'no consent of another' );
		on_order_status( 42, 'pending', 'processing', $order );
		$next = new Order();
		mark_order( $next, null );
		same( array(), $next->meta, 'once' );
		// Who ticks again has a checkout of their own.
		shop();
		ticks();
		$token     = only_token();
		$_COOKIE   = array();
		WC()->cart = new Cart();
		restore( a_link( $token ) );
		ticks();
		$own = new Order();
		mark_order( $own, null );
		same( false, $token === $own->meta['_cartback_token'], 'own' );
	},

	'a forged restore link is refused, every single one' => static function () {
		shop();
		ticks();
		$token = only_token();
		$good  = a_link( $token );
		same( $token, read_restore_token( $good, time() ), 'good' );
		$forged = array( '', '0', $token, "$token..", "$token.9999999999.", strtoupper( $good ), $good . '0', substr( $good, 0, -1 ), ' ' . $good, $good . "\n", "$token.9999999999." . str_repeat( '0', 32 ) );
		for ( $place = 0; $place < strlen( $good ); $place++ ) {
			for ( $bit = 0; $bit < 8; $bit++ ) {
				$other           = $good;
				$other[ $place ] = chr( ord( $good[ $place ] ) ^ ( 1 << $bit ) );
				$forged[]        = $other;
			}
		}
		// Signed for another purpose, with another site's key, with no key at all.
		list( , $expires, ) = explode( '.', $good );
		$forged[]           = "$token.$expires." . \Cartback\sign( 'cookie', "$token.$expires" );
		$forged[]           = "$token.$expires." . substr( hash_hmac( 'sha256', "restore|$token.$expires", '' ), 0, 32 );
		foreach ( $forged as $given ) {
			same( '', read_restore_token( $given, time() ), $given );
		}
		same( '', read_restore_token( restore_token( $token, time() - 1 ), time() ), 'too old' );
		World::$options['cartback_key'] = str_repeat( 'a', 64 );
		same( '', read_restore_token( $good, time() ), "another site's key" );
		WC()->cart = new Cart();
		same( '303 https://shop.example/', restore( $good ), 'to' );
		same( array(), WC()->cart->lines, 'lines' );
	},

	'a database that keeps nothing leaves no key that anyone knows' => static function () {
		World::reset();
		World::$options['cartback_key'] = '';
		$first                          = \Cartback\key_of_this_site();
		same( 64, strlen( $first ), 'made' );
		same( $first, \Cartback\key_of_this_site(), 'kept' );
		World::reset();
		same( false, $first === \Cartback\key_of_this_site(), 'two installations differ' );
	},

	'a bought cart is not restored' => static function () {
		shop();
		ticks();
		$order = new Order();
		mark_order( $order, null );
		on_order_status( 42, 'pending', 'completed', $order );
		WC()->cart = new Cart();
		same( '303 https://shop.example/', restore( a_link( only_token() ) ), 'to' );
	},

	'URLs' => static function () {
		foreach ( array(
			'https://hooks.example/h/1'          => true,
			'https://hooks.example:8443/h'       => true,
			'http://192.168.1.20:8080/h'         => true,
			'http://cartback:8080/h'             => true,
			'http://cartback.lan/h'              => true,
			'http://10.0.0.7/h'                  => true,
			'http://[::1]:8080/h'                => false,
			'https://[2001:db8::1]/h'            => false,
			'http://hooks.example/h'             => false,
			'http://8.8.8.8/h'                   => false,
			'https://user:pass@hooks.example/h'  => false,
			'javascript:alert(1)'                => false,
			'//hooks.example/h'                  => false,
			'hooks.example'                      => false,
			''                                   => false,
		) as $url => $fine ) {
			same( $fine ? $url : '', clean_url( $url ), $url );
		}
	},

	'the host in the own network is let through, and no other' => static function () {
		shop();
		World::$options['cartback_settings']['url'] = 'http://192.168.1.20:8099/h';
		same( true, apply_filters( 'http_request_host_is_external', false, '192.168.1.20', '' ), 'ours' );
		same( false, apply_filters( 'http_request_host_is_external', false, '192.168.1.21', '' ), 'another' );
		same( array( 80, 443, 8080, 8099 ), apply_filters( 'http_allowed_safe_ports', array( 80, 443, 8080 ), '192.168.1.20', '' ), 'our port' );
		same( array( 80, 443, 8080 ), apply_filters( 'http_allowed_safe_ports', array( 80, 443, 8080 ), '192.168.1.21', '' ), 'another' );
		World::$options = array();
		same( false, apply_filters( 'http_request_host_is_external', false, '', '' ), 'not connected' );
	},

	'settings: wrong ones are refused, right ones before are kept' => static function () {
		shop();
		$kept = clean_settings( array( 'url' => 'http://hooks.example/h', 'secret' => 'whsec_dG9vIHNob3J0', 'wording' => '<b>Text me</b>' ) );
		same( array( 'https://hooks.example/h/1/secret', SECRET, 'Text me', '' ), array_values( $kept ), 'kept' );
		same( array( 'url', 'secret' ), World::$errors, 'said' );
		same( SECRET, clean_settings( array( 'secret' => ' ' ) )['secret'], 'blank keeps' );
		same( '', clean_settings( 'nonsense' )['wording'], 'nonsense' );
		same( $kept, clean_settings( $kept ), 'twice is once' );
	},

	'the pixel is there only where it is wanted and marks no page a cache may keep' => static function () {
		shop();
		enqueue_pixel();
		same( array(), World::$scripts, 'not asked for' );
		World::$options['cartback_settings'] = array( 'url' => 'https://hooks.example/hook/shop/Ab-1_x', 'secret' => SECRET, 'pixel' => '1' );
		enqueue_pixel();
		same( array( 'cartback-pixel' => 'https://hooks.example/p/Ab-1_x.js' ), World::$scripts, 'beside the webhooks' );
		$tag   = '<script async src="https://hooks.example/p/Ab-1_x.js"></script>';
		$token = new_token();
		same( $tag, mark_pixel( $tag, 'cartback-pixel' ), 'any page' );
		World::$page = 1;
		same( '<script async data-cart="' . $token . '" src="https://hooks.example/p/Ab-1_x.js"></script>', mark_pixel( $tag, 'cartback-pixel' ), 'the checkout' );
		World::$page = 811;
		same( true, false !== strpos( mark_pixel( $tag, 'cartback-pixel' ), ' data-order="811"' ), 'the thank-you page' );
		same( $tag, mark_pixel( $tag, 'other' ), 'another script' );
	},

	'the settings page escapes and never shows the secret' => static function () {
		shop();
		World::$options['cartback_settings'] = array( 'url' => 'https://hooks.example/"><script>alert(1)</script>', 'secret' => SECRET, 'wording' => '</textarea><script>alert(2)</script>' );
		World::$options['cartback_status']   = array( 'code' => 0, 'at' => 0, 'why' => '<script>alert(3)</script>' );
		ob_start();
		show_settings();
		$html = ob_get_clean();
		same( false, strpos( $html, '<script>' ), 'escaped' );
		same( false, strpos( $html, substr( SECRET, 6, 20 ) ), 'secret' );
		same( true, false !== strpos( $html, '_wpnonce' ), 'nonce' );
		World::$may = false;
		ob_start();
		show_settings();
		same( '', ob_get_clean(), 'only for who may' );
	},

	'the test button needs the right and the nonce' => static function () {
		shop();
		World::$may = false;
		ended( 'died', static fn() => on_test() );
		World::$may      = true;
		World::$nonce_ok = false;
		ended( 'nonce', static fn() => on_test() );
		same( array(), World::$posts, 'posts' );
		World::$nonce_ok = true;
		ended( '303', static fn() => on_test() );
		same( 'test', last_body()['type'], 'type' );
	},

	'erasing tells Cartback and then forgets' => static function () {
		shop();
		ticks();
		World::$queue  = array();
		$order         = new Order();
		$order->billing = array( 'billing_email' => 'ida@example.com' );
		mark_order( $order, null );
		World::$orders = array( $order );
		$export        = export( 'ida@example.com' );
		same( array( 2, true ), array( count( $export['data'] ), $export['done'] ), 'exported' );
		same( true, erase( 'Ida@example.com' )['items_removed'], 'removed' );
		erase( 'ida@example.com' );
		same( array(), $order->meta, 'meta' );
		World::$answer = 500;
		work();
		same( array( 'customer.redacted', 'ida@example.com', PHONE ), array( World::$posts[0] ? json_decode( World::$posts[0]['body'], true )['type'] : '', json_decode( World::$posts[0]['body'], true )['data']['email'], json_decode( World::$posts[0]['body'], true )['data']['phone'] ), 'told' );
		same( false, array() === World::$rows, 'kept until told' );
		World::$answer = 200;
		work();
		same( array(), World::$rows, 'forgotten' );
	},

	'erasing after a tick was taken back still names the number that was told' => static function () {
		shop();
		ticks();
		work();
		types( array( 'consent' => '0' ) );
		World::$queue = array();
		erase( 'ida@example.com' );
		work();
		same( array( 'email' => 'ida@example.com', 'phone' => PHONE ), last_body()['data'], 'told' );
	},

	'erasing while not connected just forgets' => static function () {
		shop();
		ticks();
		World::$options['cartback_settings']['url'] = '';
		erase( 'ida@example.com' );
		same( array(), World::$rows, 'rows' );
	},

	"restore links are WooCommerce's own checkout links where it has them" => static function () {
		shop();
		World::$options['permalink_structure'] = '/%postname%/';
		ticks();
		work();
		same( 0, strpos( last_body()['data']['recovery_url'], 'https://shop.example/?cartback_restore=' ), 'before WooCommerce 10' );
		define( 'WC_VERSION', '10.2.1' );
		ticks( array( 'phone' => '0151 23456780' ) );
		work();
		$link = last_body()['data']['recovery_url'];
		same( 0, strpos( $link, 'https://shop.example/checkout-link/?products=7:2,91:1&cartback_restore=' ), 'the variation, and how many' );
		$token     = substr( $link, strrpos( $link, '=' ) + 1 );
		WC()->cart = new Cart();
		same( '303 https://shop.example/checkout/', restore( $token, array( 'products' => '7:2,91:1' ) ), 'this plugin comes first' );
		same( array( '7:0', '9:91' ), array_keys( WC()->cart->lines ), 'lines' );
		unset( World::$options['permalink_structure'] );
		same( 'https://shop.example/', \Cartback\restore_page( array( array( 'product' => 7, 'variation' => 0, 'quantity' => 2 ) ) ), 'plain permalinks have no such page' );
		World::$options['permalink_structure'] = '/%postname%/';
		same( 'https://shop.example/', \Cartback\restore_page( array() ), 'nothing to bring' );
		$many = array_fill( 0, 100, array( 'product' => 4294967295, 'variation' => 4294967295, 'quantity' => 999999 ) );
		same( true, strlen( \Cartback\restore_page( $many ) ) < 1500, 'short enough' );
	},

	'old rows go' => static function () {
		shop();
		ticks();
		prune();
		$token = only_token();
		World::$rows[ $token ]['bought_at'] = (string) ( ( time() - 6 * 86400 ) * 1000 );
		prune();
		same( array(), World::$rows, 'bought' );
	},

	'uninstalling says so and leaves nothing' => static function () {
		shop();
		ticks();
		uninstall();
		same( 'shop.uninstalled', last_body()['type'], 'type' );
		same( array( 'blogname' ), array_keys( World::$options ), 'options' );
		same( array( array(), array() ), array( World::$rows, World::$queue ), 'rows and queue' );
	},
);

if ( 'emit' === ( $argv[1] ?? '' ) ) {
	shop();
	ticks();
	work();
	types( array( 'consent' => '0' ) );
	work();
	ended( '303', static fn() => on_test() );
	erase( 'ida@example.com' );
	work();
	uninstall();
	foreach ( World::$posts as $post ) {
		echo json_encode( array( 'headers' => $post['headers'], 'body' => $post['body'] ) ), "\n";
	}
	exit( 0 );
}

$failed = 0;
foreach ( $tests as $name => $test ) {
	try {
		$test();
	} catch ( Throwable $problem ) {
		++$failed;
		echo "FAILED $name\n  ", get_class( $problem ) === 'Exception' ? '' : get_class( $problem ) . ' ', $problem->getMessage(), ' (', basename( $problem->getFile() ), ':', $problem->getLine(), ")\n";
	}
}
echo count( $tests ) - $failed, ' of ', count( $tests ), " passed\n";
exit( $failed ? 1 : 0 );
