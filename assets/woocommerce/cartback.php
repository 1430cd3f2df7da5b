<?php
/**
 * Plugin Name:          Cartback for WooCommerce
 * Description:          Tells your own Cartback about unfinished checkouts of people who asked to be reminded by SMS, and brings their carts back.
 * Version:              1.0.0
 * Requires at least:    6.2
 * Requires PHP:         7.4
 * Requires Plugins:     woocommerce
 * WC requires at least: 7.6
 * License:              GPL-2.0-or-later
 * Text Domain:          cartback
 *
 * What this file decides: whose checkout is told to Cartback (only of people who ticked the box), and what a restore
 * link puts back into a cart (only what the shop sells now, at today's price). What it never does: log anyone in, fill
 * in a name or a number, change a cart that is not the visitor's own, or let a browser talk to Cartback.
 *
 * A checkout is one row of our table, found by a random token that lives in the visitor's cookie. The row is the whole
 * state; the queue holds only tokens, so a retry always tells the newest state and a deleted row is never told again.
 *
 * @package Cartback
 */

namespace Cartback;

defined( 'ABSPATH' ) || exit;

const VERSION = '1.0.0';
/** The box, as the Blocks checkout and the classic one name it. */
const FIELD_BLOCKS  = 'cartback/sms-consent';
const FIELD_CLASSIC = 'cartback_sms_consent';
const COOKIE_TOKEN    = 'cartback_token';
const COOKIE_RECOVERY = 'cartback_recovery';
const COOKIE_DAYS     = 30;
/** A restore link outlives every reminder that carries it. */
const RESTORE_DAYS = 30;
const LINES_MAX    = 100;
/** In the address of a restore link, which must stay short enough for every browser. */
const LINK_LINES_MAX = 50;
/** When a delivery is tried again, as Standard Webhooks advises: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h. */
const RETRY_SECONDS = array( 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400 );
/** Longer than all retries together (about 3.2 days), so that nothing is pruned untold. */
const BOUGHT_DAYS_KEPT = 5;

register_activation_hook( __FILE__, __NAMESPACE__ . '\install' );
register_deactivation_hook( __FILE__, __NAMESPACE__ . '\pause' );
register_uninstall_hook( __FILE__, __NAMESPACE__ . '\uninstall' );

// What every page needs.
add_action( 'before_woocommerce_init', __NAMESPACE__ . '\declare_compatibility' );
add_action( 'admin_init', __NAMESPACE__ . '\install_when_new' );
add_filter( 'http_request_host_is_external', __NAMESPACE__ . '\allow_host', 10, 2 );
add_filter( 'http_allowed_safe_ports', __NAMESPACE__ . '\allow_port', 10, 2 );

// The box, on both checkouts.
add_action( 'woocommerce_init', __NAMESPACE__ . '\offer_box_in_blocks' );
add_action( 'woocommerce_after_checkout_billing_form', __NAMESPACE__ . '\offer_box_in_classic' );
add_action( 'wp_enqueue_scripts', __NAMESPACE__ . '\enqueue_script' );
add_action( 'wp_enqueue_scripts', __NAMESPACE__ . '\enqueue_pixel' );
add_filter( 'script_loader_tag', __NAMESPACE__ . '\mark_pixel', 10, 2 );

// What shoppers do.
add_action( 'wp_ajax_cartback_capture', __NAMESPACE__ . '\on_capture' );
add_action( 'wp_ajax_nopriv_cartback_capture', __NAMESPACE__ . '\on_capture' );
add_action( 'woocommerce_store_api_cart_update_customer_from_request', __NAMESPACE__ . '\on_blocks_customer', 20 );
add_action( 'woocommerce_add_to_cart', __NAMESPACE__ . '\on_cart_change', 20, 0 );
add_action( 'woocommerce_cart_item_removed', __NAMESPACE__ . '\on_cart_change', 20, 0 );
add_action( 'woocommerce_cart_item_restored', __NAMESPACE__ . '\on_cart_change', 20, 0 );
add_action( 'woocommerce_after_cart_item_quantity_update', __NAMESPACE__ . '\on_cart_change', 20, 0 );
add_action( 'woocommerce_checkout_create_order', __NAMESPACE__ . '\on_classic_order', 20 );
add_action( 'woocommerce_store_api_checkout_update_order_from_request', __NAMESPACE__ . '\on_blocks_order', 20, 2 );
add_action( 'woocommerce_order_status_changed', __NAMESPACE__ . '\on_order_status', 10, 4 );
add_action( 'init', __NAMESPACE__ . '\remember_recovery' );
// After WooCommerce has loaded the visitor's cart (priority 10) and before it saves it.
add_action( 'wp_loaded', __NAMESPACE__ . '\restore_cart', 30 );

// Telling Cartback.
add_action( 'cartback_send', __NAMESPACE__ . '\send', 10, 3 );
add_action( 'woocommerce_cleanup_sessions', __NAMESPACE__ . '\prune' );

// The shopkeeper's page and the privacy tools.
add_action( 'admin_menu', __NAMESPACE__ . '\add_settings_page' );
add_action( 'admin_init', __NAMESPACE__ . '\register_settings' );
add_action( 'admin_post_cartback_test', __NAMESPACE__ . '\on_test' );
add_filter( 'wp_privacy_personal_data_exporters', __NAMESPACE__ . '\add_exporter' );
add_filter( 'wp_privacy_personal_data_erasers', __NAMESPACE__ . '\add_eraser' );

/* ---------------------------------------------------------------- settings */

/** @return array{url:string,secret:string,wording:string,pixel:string} */
function settings(): array {
	$stored = get_option( 'cartback_settings', array() );
	return array_merge( array( 'url' => '', 'secret' => '', 'wording' => '', 'pixel' => '' ), is_array( $stored ) ? $stored : array() );
}

/** Cartback has an address and a key here, and has not told us to stop. */
function connected(): bool {
	$settings = settings();
	return '' !== $settings['url'] && '' !== secret_bytes( $settings['secret'] ) && ! get_option( 'cartback_stopped' );
}

/** The words next to the box. They are kept with every consent, so changing them here changes no old one. */
function wording(): string {
	$wording = settings()['wording'];
	return '' !== $wording ? $wording : default_wording();
}

function default_wording(): string {
	return sprintf(
		/* translators: %s: name of the shop */
		__( '%s may remind me by SMS of the cart I leave behind, at the number given here, with automated texts and at most 2 per cart. Message and data rates may apply. Reply STOP to end. Consent is not a condition of purchase.', 'cartback' ),
		wp_specialchars_decode( (string) get_option( 'blogname' ), ENT_QUOTES )
	);
}

/** The signing key inside `whsec_…`: 24 to 64 bytes, or '' for anything else. */
function secret_bytes( string $secret ): string {
	if ( 0 !== strpos( $secret, 'whsec_' ) ) {
		return '';
	}
	$bytes = base64_decode( substr( $secret, 6 ), true );
	return false !== $bytes && strlen( $bytes ) >= 24 && strlen( $bytes ) <= 64 ? $bytes : '';
}

/** A URL Cartback may live at: https anywhere, plain http only inside the own network. '' for anything else. */
function clean_url( string $url ): string {
	$url   = esc_url_raw( trim( $url ), array( 'http', 'https' ) );
	$parts = wp_parse_url( $url );
	if ( ! is_array( $parts ) || empty( $parts['host'] ) || empty( $parts['scheme'] ) || isset( $parts['user'] ) || isset( $parts['pass'] ) ) {
		return '';
	}
	if ( '[' === $parts['host'][0] ) {
		// WordPress calls no address in brackets (wp_http_validate_url): better said here than at every delivery.
		return '';
	}
	return 'https' === $parts['scheme'] || is_own_network( $parts['host'] ) ? $url : '';
}

function is_own_network( string $host ): bool {
	if ( filter_var( $host, FILTER_VALIDATE_IP ) ) {
		return ! filter_var( $host, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE );
	}
	return false === strpos( $host, '.' ) || 1 === preg_match( '/\.(local|lan|internal|test|localhost|home\.arpa)$/i', $host );
}

/** WordPress refuses private addresses and odd ports; the shopkeeper's own Cartback is let through, and nothing else. */
function allow_host( $external, $host ) {
	$ours = wp_parse_url( settings()['url'], PHP_URL_HOST );
	return $external || ( is_string( $ours ) && strtolower( $ours ) === strtolower( (string) $host ) );
}

function allow_port( $ports, $host ) {
	$parts = wp_parse_url( settings()['url'] );
	if ( is_array( $parts ) && isset( $parts['host'], $parts['port'] ) && strtolower( $parts['host'] ) === strtolower( (string) $host ) ) {
		$ports[] = (int) $parts['port'];
	}
	return $ports;
}

/* ---------------------------------------------------------------- install and leave */

function table(): string {
	global $wpdb;
	return $wpdb->prefix . 'cartback_cart';
}

function install(): void {
	global $wpdb;
	require_once ABSPATH . 'wp-admin/includes/upgrade.php';
	dbDelta(
		'CREATE TABLE ' . table() . " (
		token char(32) NOT NULL,
		email varchar(254) NOT NULL DEFAULT '',
		phone varchar(32) NOT NULL DEFAULT '',
		data longtext NOT NULL,
		changed_at bigint(20) NOT NULL,
		bought_at bigint(20) NOT NULL DEFAULT 0,
		erased_at bigint(20) NOT NULL DEFAULT 0,
		PRIMARY KEY  (token),
		KEY email (email),
		KEY changed_at (changed_at)
		) " . $wpdb->get_charset_collate() . ';'
	);
	update_option( 'cartback_version', VERSION );
	key_of_this_site();
}

/** An update by file copy runs no activation hook. */
function install_when_new(): void {
	if ( get_option( 'cartback_version' ) !== VERSION ) {
		install();
	}
}

function pause(): void {
	if ( function_exists( 'as_unschedule_all_actions' ) ) {
		as_unschedule_all_actions( 'cartback_send' );
	}
}

/** Cartback must stop texting for a shop that threw it out, so this one delivery does not wait for a queue. */
function uninstall(): void {
	global $wpdb;
	if ( connected() ) {
		$now = now_ms();
		post( message_id( 'shop.uninstalled', '', $now ), 'shop.uninstalled', array(), $now, 5 );
	}
	pause();
	foreach ( array( 'settings', 'key', 'version', 'status', 'stopped' ) as $name ) {
		delete_option( 'cartback_' . $name );
	}
	$wpdb->query( 'DROP TABLE IF EXISTS ' . table() );
}

function declare_compatibility(): void {
	$features = '\Automattic\WooCommerce\Utilities\FeaturesUtil';
	if ( class_exists( $features ) ) {
		$features::declare_compatibility( 'custom_order_tables', __FILE__, true );
		$features::declare_compatibility( 'cart_checkout_blocks', __FILE__, true );
	}
}

/* ---------------------------------------------------------------- signed tokens */

function now_ms(): int {
	return (int) floor( microtime( true ) * 1000 );
}

/** Now, but after the state before: two states of one checkout never share a time, nor a message id. */
function next_ms( array $row ): int {
	return max( now_ms(), $row['changed_at'] + 1 );
}

/** The key of this installation's own cookies and links. It is made here and leaves here never. */
function key_of_this_site(): string {
	$key = get_option( 'cartback_key' );
	if ( is_string( $key ) && strlen( $key ) === 64 ) {
		return $key;
	}
	delete_option( 'cartback_key' );
	add_option( 'cartback_key', bin2hex( random_bytes( 32 ) ), '', false );
	$key = get_option( 'cartback_key' );
	// A database that keeps nothing must not leave us with an empty key: then nothing verifies until it does.
	return is_string( $key ) && strlen( $key ) === 64 ? $key : bin2hex( random_bytes( 32 ) );
}

/** 128 bits over purpose and value: a signature for one purpose is worthless for another. */
function sign( string $purpose, string $value ): string {
	return substr( hash_hmac( 'sha256', $purpose . '|' . $value, key_of_this_site() ), 0, 32 );
}

/** `<cart token>.<last second>.<signature>`, for the one restore link of a checkout. */
function restore_token( string $token, int $expires ): string {
	return $token . '.' . $expires . '.' . sign( 'restore', $token . '.' . $expires );
}

/** The cart token inside a restore token of ours that still holds, or ''. */
function read_restore_token( string $given, int $now ): string {
	if ( 1 !== preg_match( '/\A([0-9a-f]{32})\.([1-9][0-9]{9,10})\.([0-9a-f]{32})\z/', $given, $part ) ) {
		return '';
	}
	$holds = hash_equals( sign( 'restore', $part[1] . '.' . $part[2] ), $part[3] );
	return $holds && (int) $part[2] >= $now ? $part[1] : '';
}

/** The cart token in the visitor's cookie, or ''. */
function cookie_token(): string {
	$cookie = isset( $_COOKIE[ COOKIE_TOKEN ] ) ? sanitize_text_field( wp_unslash( $_COOKIE[ COOKIE_TOKEN ] ) ) : '';
	if ( 1 !== preg_match( '/\A([0-9a-f]{32})\.([0-9a-f]{32})\z/', $cookie, $part ) ) {
		return '';
	}
	return hash_equals( sign( 'cookie', $part[1] ), $part[2] ) ? $part[1] : '';
}

/** A fresh cart token in the visitor's cookie. */
function new_token(): string {
	$token = bin2hex( random_bytes( 16 ) );
	keep_cookie( COOKIE_TOKEN, $token . '.' . sign( 'cookie', $token ) );
	return $token;
}

function keep_cookie( string $name, string $value ): void {
	$_COOKIE[ $name ] = $value;
	if ( ! headers_sent() ) {
		setcookie(
			$name,
			$value,
			array(
				'expires'  => time() + COOKIE_DAYS * DAY_IN_SECONDS,
				'path'     => COOKIEPATH ? COOKIEPATH : '/',
				'domain'   => (string) COOKIE_DOMAIN,
				'secure'   => is_ssl(),
				'httponly' => true,
				'samesite' => 'Lax',
			)
		);
	}
}

/** Cartback's own links end at `?cartback=<token>`; the order carries it back as the strongest evidence there is. */
function remember_recovery(): void {
	$given = isset( $_GET['cartback'] ) && is_string( $_GET['cartback'] ) ? sanitize_text_field( wp_unslash( $_GET['cartback'] ) ) : '';
	if ( 1 === preg_match( '/\A[A-Za-z0-9_-]{8,64}\z/', $given ) ) {
		keep_cookie( COOKIE_RECOVERY, $given );
	}
}

function recovery_cookie(): string {
	$given = isset( $_COOKIE[ COOKIE_RECOVERY ] ) ? sanitize_text_field( wp_unslash( $_COOKIE[ COOKIE_RECOVERY ] ) ) : '';
	return 1 === preg_match( '/\A[A-Za-z0-9_-]{8,64}\z/', $given ) ? $given : '';
}

/* ---------------------------------------------------------------- rows */

/** @return array|null The checkout of this token, its `data` decoded. */
function row( string $token ): ?array {
	global $wpdb;
	if ( '' === $token ) {
		return null;
	}
	$row = $wpdb->get_row( $wpdb->prepare( 'SELECT * FROM ' . table() . ' WHERE token = %s', $token ), ARRAY_A );
	return is_array( $row ) ? decoded( $row ) : null;
}

function decoded( array $row ): array {
	$data        = json_decode( (string) $row['data'], true );
	$row['data'] = is_array( $data ) ? $data : array();
	foreach ( array( 'changed_at', 'bought_at', 'erased_at' ) as $time ) {
		$row[ $time ] = (int) $row[ $time ];
	}
	return $row;
}

/** @return array[] The checkouts of this e-mail address that are not erased yet. */
function rows_of( string $email ): array {
	global $wpdb;
	$rows = $wpdb->get_results( $wpdb->prepare( 'SELECT * FROM ' . table() . ' WHERE email = %s AND erased_at = 0 LIMIT 500', email_key( $email ) ), ARRAY_A );
	return array_map( __NAMESPACE__ . '\decoded', is_array( $rows ) ? $rows : array() );
}

function save( array $row ): void {
	global $wpdb;
	$row['data'] = wp_json_encode( $row['data'] );
	$wpdb->replace( table(), $row, array( '%s', '%s', '%s', '%s', '%d', '%d', '%d' ) );
}

function blank_row( string $token ): array {
	return array(
		'token'      => $token,
		'email'      => '',
		'phone'      => '',
		'data'       => array(),
		'changed_at' => now_ms(),
		'bought_at'  => 0,
		'erased_at'  => 0,
	);
}

function forget( string $token ): void {
	global $wpdb;
	$wpdb->delete( table(), array( 'token' => $token ), array( '%s' ) );
}

function prune(): void {
	global $wpdb;
	$now = now_ms();
	$wpdb->query(
		$wpdb->prepare(
			'DELETE FROM ' . table() . ' WHERE changed_at < %d OR (bought_at > 0 AND bought_at < %d)',
			$now - RESTORE_DAYS * DAY_IN_SECONDS * 1000,
			$now - BOUGHT_DAYS_KEPT * DAY_IN_SECONDS * 1000
		)
	);
}

function email_key( string $email ): string {
	return strtolower( sanitize_email( $email ) );
}

/** What a number may be written with. Whether it is one, Cartback decides. */
function clean_phone( string $phone ): string {
	$phone = trim( (string) preg_replace( '/[^0-9+()\-.\/ ]/', '', $phone ) );
	return strlen( $phone ) <= 32 && preg_match_all( '/[0-9]/', $phone ) >= 6 ? $phone : '';
}

/* ---------------------------------------------------------------- the box */

function offer_box_in_blocks(): void {
	if ( ! connected() || ! function_exists( 'woocommerce_register_additional_checkout_field' ) ) {
		return;
	}
	woocommerce_register_additional_checkout_field(
		array(
			'id'            => FIELD_BLOCKS,
			'label'         => wording(),
			'optionalLabel' => wording(),
			// A field of the order, not of the contact: those are remembered and would come back ticked.
			'location'      => 'order',
			'type'          => 'checkbox',
			'required'      => false,
		)
	);
}

function offer_box_in_classic(): void {
	if ( ! connected() ) {
		return;
	}
	printf(
		'<p class="form-row form-row-wide" id="cartback_consent"><label class="checkbox"><input type="checkbox" class="input-checkbox" name="%s" value="1" /> <span>%s</span></label></p>',
		esc_attr( FIELD_CLASSIC ),
		esc_html( wording() )
	);
}

function enqueue_script(): void {
	if ( ! function_exists( 'is_checkout' ) || ! connected() || ! is_checkout() || is_order_received_page() ) {
		return;
	}
	wp_enqueue_script( 'cartback', plugins_url( 'cartback.js', __FILE__ ), array(), VERSION, true );
	$given = array(
		'url'     => admin_url( 'admin-ajax.php' ),
		'nonce'   => wp_create_nonce( 'cartback_capture' ),
		'classic' => FIELD_CLASSIC,
		'blocks'  => FIELD_BLOCKS,
	);
	wp_add_inline_script( 'cartback', 'window.cartbackSettings = ' . wp_json_encode( $given, JSON_HEX_TAG | JSON_HEX_AMP ) . ';', 'before' );
}

/** The pixel, where the shop wants it: which steps visitors take, of nobody by name, and only as far as consent goes. */
function enqueue_pixel(): void {
	$settings = settings();
	if ( '1' !== $settings['pixel'] || ! connected() ) {
		return;
	}
	$source = preg_replace( '~/hook/shop/([A-Za-z0-9_-]+)/?\z~', '/p/$1.js', $settings['url'], 1, $found );
	if ( 1 === $found ) {
		wp_enqueue_script( 'cartback-pixel', $source, array(), VERSION, array( 'strategy' => 'async' ) );
	}
}

/** Tells the pixel which cart or order the page is about. Only on pages no cache keeps for the next visitor. */
function mark_pixel( $tag, $handle ) {
	if ( 'cartback-pixel' !== $handle || ! function_exists( 'is_checkout' ) || ! is_checkout() ) {
		return $tag;
	}
	$order = is_order_received_page() ? absint( get_query_var( 'order-received' ) ) : 0;
	$marks = '' !== cookie_token() ? ' data-cart="' . esc_attr( cookie_token() ) . '"' : '';
	$marks .= $order > 0 ? ' data-order="' . $order . '"' : '';
	return str_replace( ' src=', $marks . ' src=', $tag );
}

/* ---------------------------------------------------------------- what shoppers do */

/** The script on the checkout page posts here. Without the tick it sends no personal data, and none is taken. */
function on_capture(): void {
	check_ajax_referer( 'cartback_capture', 'nonce' );
	$given = array();
	foreach ( array( 'consent', 'phone', 'email', 'first_name', 'country', 'region', 'zone' ) as $name ) {
		$given[ $name ] = isset( $_POST[ $name ] ) && is_string( $_POST[ $name ] ) ? sanitize_text_field( wp_unslash( $_POST[ $name ] ) ) : '';
	}
	$given['url'] = page_url( (string) wp_get_raw_referer() );
	capture( '1' === $given['consent'], $given );
	wp_send_json_success();
}

/** The Blocks checkout saves the address as it is typed. Only of a visitor whose tick we already hold. */
function on_blocks_customer( $customer ): void {
	$row = connected() ? row( cookie_token() ) : null;
	if ( ! $row || $row['bought_at'] || ! consented( $row ) ) {
		return;
	}
	$phone = $customer->get_billing_phone();
	capture(
		true,
		array(
			'phone'      => $phone ? $phone : $customer->get_shipping_phone(),
			'email'      => $customer->get_billing_email(),
			'first_name' => $customer->get_billing_first_name(),
			'country'    => $customer->get_billing_country(),
			'region'     => $customer->get_billing_state(),
		)
	);
}

function on_classic_order( $order ): void {
	// WooCommerce has checked the nonce of its checkout form before it makes an order.
	$ticked = isset( $_POST[ FIELD_CLASSIC ] ) && '1' === sanitize_text_field( wp_unslash( $_POST[ FIELD_CLASSIC ] ) ); // phpcs:ignore WordPress.Security.NonceVerification
	mark_order( $order, $ticked );
}

function on_blocks_order( $order, $request ): void {
	$fields = $request->get_param( 'additional_fields' );
	$said   = is_array( $fields ) && array_key_exists( FIELD_BLOCKS, $fields );
	mark_order( $order, $said ? (bool) $fields[ FIELD_BLOCKS ] : null );
}

/** Writes on the order which checkout, which reminder and which consent it came from. `$ticked` null: nothing was said. */
function mark_order( $order, ?bool $ticked ): void {
	if ( null !== $ticked && connected() ) {
		$phone = $order->get_billing_phone();
		capture(
			$ticked,
			! $ticked ? array() : array(
				'phone'      => $phone ? $phone : $order->get_shipping_phone(),
				'email'      => $order->get_billing_email(),
				'first_name' => $order->get_billing_first_name(),
				'country'    => $order->get_billing_country(),
				'region'     => $order->get_billing_state(),
			)
		);
	}
	$row = row( cookie_token() );
	if ( $row && ! $row['bought_at'] ) {
		$order->update_meta_data( '_cartback_token', $row['token'] );
		if ( consented( $row ) ) {
			$order->update_meta_data( '_cartback_consent', $row['data']['consent'] );
		}
	}
	$from = restored_from();
	if ( '' !== $from && ( ! $row || $row['bought_at'] ) ) {
		$order->update_meta_data( '_cartback_token', $from );
	}
	$recovery = recovery_cookie();
	if ( '' !== $recovery ) {
		$order->update_meta_data( '_cartback_recovery', $recovery );
	}
}

/** The checkout that a restore link brought back into this visitor's cart, while it is not bought; or ''. */
function restored_from(): string {
	$token = isset( WC()->session ) ? WC()->session->get( 'cartback_from' ) : null;
	$row   = is_string( $token ) && 1 === preg_match( '/\A[0-9a-f]{32}\z/', $token ) ? row( $token ) : null;
	return $row && ! $row['bought_at'] && ! $row['erased_at'] ? $row['token'] : '';
}

/** A bought checkout keeps its token for itself: the next cart of this browser gets another one. */
function on_order_status( $id, $from, $to, $order ): void {
	if ( ! in_array( $to, array( 'processing', 'on-hold', 'completed' ), true ) ) {
		return;
	}
	$row = row( (string) $order->get_meta( '_cartback_token' ) );
	if ( $row && ! $row['bought_at'] ) {
		$row['bought_at'] = now_ms();
		save( $row );
	}
}

/** The cart changed: read it once, when the page is done and the totals are right. */
function on_cart_change(): void {
	if ( '' !== cookie_token() && ! has_action( 'shutdown', __NAMESPACE__ . '\refresh' ) ) {
		add_action( 'shutdown', __NAMESPACE__ . '\refresh', 5 );
	}
}

function refresh(): void {
	$row = connected() ? row( cookie_token() ) : null;
	if ( ! $row || $row['bought_at'] || $row['erased_at'] || ! consented( $row ) ) {
		return;
	}
	$cart              = cart();
	$row['changed_at'] = next_ms( $row );
	if ( ! $cart || $cart->is_empty() ) {
		save( $row );
		queue( 'checkout.deleted', $row['token'] );
		return;
	}
	$row['data'] = array_merge( $row['data'], snapshot( $cart ) );
	save( $row );
	queue( 'checkout.updated', $row['token'] );
}

/* ---------------------------------------------------------------- a checkout, as Cartback is told */

function consented( array $row ): bool {
	return ! empty( $row['data']['consent']['sms'] );
}

/**
 * The box and what stands in the form now. Without the tick nothing of `$given` is read; a tick taken back is told, and
 * everything personal is forgotten.
 */
function capture( bool $ticked, array $given ): void {
	$cart = cart();
	if ( ! connected() || ! $cart || $cart->is_empty() ) {
		return;
	}
	$row = row( cookie_token() );
	if ( $row && ( $row['bought_at'] || $row['erased_at'] ) ) {
		$row = null;
	}
	if ( ! $ticked ) {
		if ( $row && consented( $row ) ) {
			withdraw( $row );
		}
		return;
	}
	$phone = clean_phone( (string) $given['phone'] );
	if ( '' === $phone ) {
		return;
	}
	$row          = $row ? $row : blank_row( new_token() );
	$before       = array( $row['phone'], $row['email'], $row['data'] );
	$row['phone'] = $phone;
	$row['email'] = email_key( (string) ( $given['email'] ?? '' ) );
	$known        = $row['data'];
	$country      = strtoupper( (string) ( $given['country'] ?? '' ) );
	$row['data']  = array_merge(
		$known,
		snapshot( $cart ),
		array(
			'first_name' => substr( sanitize_text_field( (string) ( $given['first_name'] ?? '' ) ), 0, 100 ),
			'country'    => 1 === preg_match( '/\A[A-Z]{2}\z/', $country ) ? $country : '',
			'region'     => substr( sanitize_text_field( (string) ( $given['region'] ?? '' ) ), 0, 8 ),
			'zone'       => isset( $given['zone'] ) && 1 === preg_match( '/\A[A-Za-z0-9_+\/-]{3,64}\z/', $given['zone'] ) ? $given['zone'] : ( $known['zone'] ?? '' ),
			'language'   => str_replace( '_', '-', determine_locale() ),
			'source'     => visit_source(),
			'customer'   => get_current_user_id(),
			'started_at' => $known['started_at'] ?? now_ms(),
			'consent'    => consented( $row ) && consent_version( wording() ) === $known['consent']['version'] ? $known['consent'] : consent( (string) ( $given['url'] ?? '' ) ),
		)
	);
	if ( array( $row['phone'], $row['email'], $row['data'] ) !== $before ) {
		$row['changed_at'] = next_ms( $row );
		save( $row );
		queue( 'checkout.updated', $row['token'] );
	}
}

/** The e-mail address stays, here only, so that the privacy tools still find the row. */
function withdraw( array $row ): void {
	$consent      = $row['data']['consent'];
	$row['phone'] = '';
	$row['data']  = array_merge(
		$row['data'],
		array( 'first_name' => '', 'region' => '', 'zone' => '', 'source' => '', 'customer' => 0 ),
		array( 'consent' => array_merge( $consent, array( 'sms' => false, 'at' => now_ms(), 'ip' => '', 'agent' => '' ) ) )
	);
	$row['changed_at'] = next_ms( $row );
	save( $row );
	queue( 'checkout.updated', $row['token'] );
}

/** Where this visit came from (`google`, `newsletter`), as WooCommerce's own order attribution remembers it; '' when it is off. */
function visit_source(): string {
	$visit = isset( $_COOKIE['sbjs_current'] ) && is_string( $_COOKIE['sbjs_current'] ) ? sanitize_text_field( wp_unslash( $_COOKIE['sbjs_current'] ) ) : '';
	return 1 === preg_match( '/(?:\A|\|\|\|)src=([^|]{1,100})/', $visit, $part ) && '(direct)' !== $part[1] ? $part[1] : '';
}

/** What proves a consent: the words, their version, where, when, from which address and browser. */
function consent( string $url ): array {
	return array(
		'sms'      => true,
		'at'       => now_ms(),
		'text'     => wording(),
		'version'  => consent_version( wording() ),
		'url'      => '' !== $url ? $url : page_url( '' ),
		'language' => str_replace( '_', '-', determine_locale() ),
		'ip'       => class_exists( '\WC_Geolocation' ) ? sanitize_text_field( \WC_Geolocation::get_ip_address() ) : '',
		'agent'    => isset( $_SERVER['HTTP_USER_AGENT'] ) ? substr( sanitize_text_field( wp_unslash( $_SERVER['HTTP_USER_AGENT'] ) ), 0, 300 ) : '',
	);
}

function consent_version( string $text ): string {
	return substr( hash( 'sha256', $text ), 0, 16 );
}

/** The page the box stood on, without its query: that may hold what is nobody's business. */
function page_url( string $referer ): string {
	$page = strtok( $referer, '?#' );
	$here = wp_parse_url( home_url(), PHP_URL_HOST );
	return $page && wp_parse_url( $page, PHP_URL_HOST ) === $here ? esc_url_raw( $page ) : wc_get_checkout_url();
}

function cart() {
	return function_exists( 'WC' ) && isset( WC()->cart ) ? WC()->cart : null;
}

/** What is in the cart: `lines` to build it again here, `items` for people to read. */
function snapshot( $cart ): array {
	$lines = array();
	$items = array();
	foreach ( array_slice( $cart->get_cart(), 0, LINES_MAX ) as $line ) {
		$product = $line['data'];
		$lines[] = array(
			'product'   => (int) $line['product_id'],
			'variation' => (int) $line['variation_id'],
			'chosen'    => is_array( $line['variation'] ) ? $line['variation'] : array(),
			'quantity'  => $line['quantity'],
			'price'     => (string) $product->get_price(),
		);
		$items[] = array(
			'title'    => wp_strip_all_tags( (string) $product->get_name() ),
			'quantity' => $line['quantity'],
			'price'    => (string) $product->get_price(),
		);
	}
	return array(
		'lines'    => $lines,
		'items'    => $items,
		'total'    => (string) $cart->get_total( 'edit' ),
		'currency' => get_woocommerce_currency(),
	);
}

function rfc3339( int $ms ): string {
	return gmdate( 'Y-m-d\TH:i:s', intdiv( $ms, 1000 ) ) . sprintf( '.%03dZ', $ms % 1000 );
}

/** The body's `data` for one event, in Cartback's own format. */
function event_data( string $type, array $row ): array {
	if ( 'checkout.deleted' === $type ) {
		return array( 'token' => $row['token'], 'deleted_at' => rfc3339( $row['changed_at'] ) );
	}
	if ( 'customer.redacted' === $type ) {
		return array_filter( array( 'email' => $row['email'], 'phone' => $row['phone'] ) );
	}
	$known   = $row['data'];
	$expires = intdiv( $row['changed_at'], 1000 ) + RESTORE_DAYS * DAY_IN_SECONDS;
	$person  = ! consented( $row ) ? array() : array(
		'phone'       => $row['phone'],
		'email'       => $row['email'],
		'customer_id' => empty( $known['customer'] ) ? null : (string) $known['customer'],
		'first_name'  => $known['first_name'] ?? '',
		'region'      => $known['region'] ?? '',
		'time_zone'   => $known['zone'] ?? '',
		'source'      => $known['source'] ?? '',
	);
	return $person + array(
		'token'        => $row['token'],
		'country'      => $known['country'] ?? '',
		'language'     => $known['language'] ?? '',
		'currency'     => $known['currency'] ?? '',
		'total'        => $known['total'] ?? '',
		'items'        => $known['items'] ?? array(),
		'recovery_url' => add_query_arg( 'cartback_restore', restore_token( $row['token'], $expires ), restore_page( $known['lines'] ?? array() ) ),
		'consent'      => consent_data( $row ),
		'started_at'   => rfc3339( (int) ( $known['started_at'] ?? $row['changed_at'] ) ),
		'updated_at'   => rfc3339( $row['changed_at'] ),
	);
}

/**
 * Where restore links lead. WooCommerce 10 builds a cart from `/checkout-link/?products=7:2,91:1&coupon=…` by itself: this
 * plugin comes first and does it better, but while it is switched off the links already sent still bring the goods back.
 */
function restore_page( array $lines ): string {
	if ( ! defined( 'WC_VERSION' ) || version_compare( WC_VERSION, '10.0', '<' ) || ! get_option( 'permalink_structure' ) ) {
		return home_url( '/' );
	}
	$products = array();
	foreach ( array_slice( $lines, 0, LINK_LINES_MAX ) as $line ) {
		$quantity = (int) $line['quantity'];
		if ( $quantity > 0 ) {
			$products[] = ( $line['variation'] ? $line['variation'] : $line['product'] ) . ':' . $quantity;
		}
	}
	return $products ? add_query_arg( 'products', implode( ',', $products ), home_url( '/checkout-link/' ) ) : home_url( '/' );
}

/** A tick taken back names the number it was for, but only if Cartback may have heard that number. */
function consent_data( array $row ): ?array {
	$consent = $row['data']['consent'] ?? null;
	if ( ! is_array( $consent ) ) {
		return null;
	}
	$told  = $row['data']['told_phone'] ?? '';
	$state = array( 'state' => 'granted' );
	if ( ! $consent['sms'] ) {
		$state = '' !== $told ? array( 'state' => 'withdrawn', 'phone' => $told ) : array( 'state' => 'not_given' );
	}
	unset( $consent['sms'] );
	$consent['at']     = rfc3339( (int) $consent['at'] );
	$consent['source'] = 'cartback-woocommerce';
	$consent['level']  = 'single_opt_in';
	return $state + $consent;
}

/* ---------------------------------------------------------------- telling Cartback */

/** One pending delivery a checkout and kind is enough: it will tell the newest state. One under way has read its state already. */
function queue( string $type, string $token ): void {
	if ( ! function_exists( 'as_enqueue_async_action' ) ) {
		return;
	}
	$what    = array( $type, $token, 0 );
	$pending = as_get_scheduled_actions( array( 'hook' => 'cartback_send', 'args' => $what, 'status' => 'pending', 'per_page' => 1 ), 'ids' );
	if ( ! $pending ) {
		as_enqueue_async_action( 'cartback_send', $what, 'cartback' );
	}
}

/** Delivers one event, or plans the next try. `$attempt` counts the failed ones. */
function send( string $type, string $token, int $attempt = 0 ): void {
	$row = connected() ? row( $token ) : null;
	// An erased row may only tell that it is erased.
	if ( ! $row || ( $row['erased_at'] && 'customer.redacted' !== $type ) ) {
		return;
	}
	if ( consented( $row ) && ( $row['data']['told_phone'] ?? '' ) !== $row['phone'] ) {
		// Noted before it leaves: a tick taken back while this is under way must know the number it takes back.
		$row['data']['told_phone'] = $row['phone'];
		save( $row );
	}
	$code = post( message_id( $type, $token, $row['changed_at'] ), $type, event_data( $type, $row ), $row['changed_at'] );
	if ( $code >= 200 && $code < 300 ) {
		if ( 'customer.redacted' === $type ) {
			forget( $token );
		}
		return;
	}
	if ( 410 === $code ) {
		update_option( 'cartback_stopped', time(), true );
		return;
	}
	if ( $attempt < count( RETRY_SECONDS ) && function_exists( 'as_schedule_single_action' ) ) {
		$wait = RETRY_SECONDS[ $attempt ];
		as_schedule_single_action( time() + $wait + wp_rand( 0, intdiv( $wait, 5 ) ), 'cartback_send', array( $type, $token, $attempt + 1 ), 'cartback' );
	}
}

/** The same for every try of one state of one checkout, another as soon as the state changes. */
function message_id( string $type, string $token, int $changed_at ): string {
	return 'msg_' . sign( 'message', $type . '|' . $token . '|' . $changed_at );
}

/**
 * One signed POST (Standard Webhooks: `id.timestamp.body`, HMAC-SHA256). Follows no redirect.
 *
 * @return int The HTTP status, or 0 when there was no answer.
 */
function post( string $id, string $type, array $data, int $at_ms, int $seconds_max = 15 ): int {
	$settings = settings();
	$key      = secret_bytes( $settings['secret'] );
	if ( '' === $settings['url'] || '' === $key ) {
		return 0;
	}
	$body   = wp_json_encode(
		array(
			'type'      => $type,
			'timestamp' => rfc3339( $at_ms ),
			'data'      => (object) $data,
		),
		JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE
	);
	$time   = (string) time();
	$answer = wp_safe_remote_post(
		$settings['url'],
		array(
			'timeout'     => $seconds_max,
			'redirection' => 0,
			'headers'     => array(
				'content-type'      => 'application/json',
				'webhook-id'        => $id,
				'webhook-timestamp' => $time,
				'webhook-signature' => 'v1,' . base64_encode( hash_hmac( 'sha256', $id . '.' . $time . '.' . $body, $key, true ) ),
			),
			'body'        => $body,
		)
	);
	$code   = is_wp_error( $answer ) ? 0 : (int) wp_remote_retrieve_response_code( $answer );
	// For the settings page: that it failed and how, never what was in it.
	update_option(
		'cartback_status',
		array(
			'code' => $code,
			'at'   => time(),
			'why'  => is_wp_error( $answer ) ? substr( $answer->get_error_message(), 0, 200 ) : '',
		),
		false
	);
	return $code;
}

/* ---------------------------------------------------------------- bringing a cart back */

/**
 * `?cartback_restore=<token>`: puts what is missing into the visitor's own cart and leads to the checkout. Opening it
 * twice changes nothing more; whoever opens it stays who they are.
 */
function restore_cart(): void {
	if ( ! isset( $_GET['cartback_restore'] ) || ! is_string( $_GET['cartback_restore'] ) || is_admin() ) {
		return;
	}
	nocache_headers();
	header( 'Referrer-Policy: no-referrer' );
	header( 'X-Robots-Tag: noindex, nofollow' );
	$row  = row( read_restore_token( sanitize_text_field( wp_unslash( $_GET['cartback_restore'] ) ), time() ) );
	$cart = cart();
	if ( ! $cart || ! $row || $row['bought_at'] || $row['erased_at'] ) {
		// Forged, too old, bought and erased look the same from outside.
		leave_to( home_url( '/' ) );
	}
	add_missing( $cart, $row['data']['lines'] ?? array() );
	if ( isset( WC()->session ) ) {
		// What is bought with this cart ends the reminders of the one it came from.
		WC()->session->set( 'cartback_from', $row['token'] );
	}
	$coupon = isset( $_GET['coupon'] ) && is_string( $_GET['coupon'] ) ? wc_format_coupon_code( sanitize_text_field( wp_unslash( $_GET['coupon'] ) ) ) : '';
	if ( '' !== $coupon && strlen( $coupon ) <= 100 && ! $cart->is_empty() && ! $cart->has_discount( $coupon ) ) {
		$cart->apply_coupon( $coupon );
	}
	leave_to( $cart->is_empty() ? wc_get_page_permalink( 'shop' ) : wc_get_checkout_url() );
}

/** Only what the shop sells now, at today's price; the rest is named to the visitor. */
function add_missing( $cart, array $lines ): void {
	$present = array();
	foreach ( $cart->get_cart() as $line ) {
		$present[ $line['product_id'] . ':' . $line['variation_id'] ] = true;
	}
	$gone  = 0;
	$fewer = false;
	$other = false;
	foreach ( array_slice( $lines, 0, LINES_MAX ) as $line ) {
		$product = wc_get_product( $line['variation'] ? $line['variation'] : $line['product'] );
		if ( isset( $present[ $line['product'] . ':' . $line['variation'] ] ) ) {
			continue;
		}
		$left = available( $product, $line['quantity'] );
		if ( $left <= 0 || ! $cart->add_to_cart( $line['product'], $left, $line['variation'], $line['chosen'] ) ) {
			++$gone;
			continue;
		}
		$fewer = $fewer || $left < $line['quantity'];
		$other = $other || (string) $product->get_price() !== $line['price'];
	}
	if ( $gone > 0 ) {
		/* translators: %d: how many */
		wc_add_notice( esc_html( sprintf( _n( '%d item of your cart is no longer available.', '%d items of your cart are no longer available.', $gone, 'cartback' ), $gone ) ), 'notice' );
	}
	if ( $fewer ) {
		wc_add_notice( esc_html__( 'There is less left of some items than you had chosen.', 'cartback' ), 'notice' );
	}
	if ( $other ) {
		wc_add_notice( esc_html__( 'Some prices have changed since you were here.', 'cartback' ), 'notice' );
	}
}

/** How many can be had now: what was wanted, or what is left of it. */
function available( $product, $wanted ) {
	if ( ! $product || ! $product->is_purchasable() || ! $product->is_in_stock() ) {
		return 0;
	}
	return $product->has_enough_stock( $wanted ) ? $wanted : max( 0, (int) $product->get_stock_quantity() );
}

/** Away from the secret in the address, with the campaign tags and nothing else of the query. */
function leave_to( string $url ): void {
	$tags = array();
	foreach ( array( 'utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'utm_id' ) as $name ) {
		if ( isset( $_GET[ $name ] ) && is_string( $_GET[ $name ] ) ) {
			$tags[ $name ] = rawurlencode( substr( sanitize_text_field( wp_unslash( $_GET[ $name ] ) ), 0, 200 ) );
		}
	}
	wp_safe_redirect( add_query_arg( $tags, $url ), 303, 'Cartback' );
	exit;
}

/* ---------------------------------------------------------------- the shopkeeper's page */

function add_settings_page(): void {
	add_submenu_page( 'woocommerce', 'Cartback', 'Cartback', 'manage_options', 'cartback', __NAMESPACE__ . '\show_settings' );
}

function register_settings(): void {
	register_setting( 'cartback', 'cartback_settings', array( 'type' => 'array', 'sanitize_callback' => __NAMESPACE__ . '\clean_settings' ) );
}

/** Keeps what was right before when something typed is wrong, and says what. */
function clean_settings( $given ): array {
	$given = is_array( $given ) ? array_map( static fn( $value ) => is_string( $value ) ? $value : '', $given ) : array();
	$kept  = settings();
	$url   = clean_url( $given['url'] ?? '' );
	if ( '' === $url && '' !== trim( $given['url'] ?? '' ) ) {
		add_settings_error( 'cartback_settings', 'url', __( 'The webhook URL must start with https:// (or http:// inside your own network, by a name or an IPv4 address).', 'cartback' ) );
		$url = $kept['url'];
	}
	$secret = trim( $given['secret'] ?? '' );
	if ( '' === $secret ) {
		$secret = $kept['secret'];
	} elseif ( '' === secret_bytes( $secret ) ) {
		add_settings_error( 'cartback_settings', 'secret', __( 'The secret must be the one Cartback shows: whsec_ and then 32 or more characters.', 'cartback' ) );
		$secret = $kept['secret'];
	}
	delete_option( 'cartback_stopped' );
	return array(
		'url'     => $url,
		'secret'  => $secret,
		'wording' => substr( sanitize_textarea_field( $given['wording'] ?? '' ), 0, 1000 ),
		'pixel'   => '1' === ( $given['pixel'] ?? '' ) ? '1' : '',
	);
}

function show_settings(): void {
	if ( ! current_user_can( 'manage_options' ) ) {
		return;
	}
	$settings = settings();
	// The stored secret never leaves again: a blank field keeps it.
	$hint = '' !== $settings['secret'] ? '••••' . substr( $settings['secret'], -4 ) : 'whsec_…';
	?>
	<div class="wrap">
		<h1><?php esc_html_e( 'Cartback', 'cartback' ); ?></h1>
		<?php settings_errors( 'cartback_settings' ); ?>
		<p><?php echo esc_html( status_line() ); ?></p>
		<form method="post" action="options.php">
			<?php settings_fields( 'cartback' ); ?>
			<table class="form-table" role="presentation">
				<tr>
					<th scope="row"><label for="cartback_url"><?php esc_html_e( 'Webhook URL', 'cartback' ); ?></label></th>
					<td><input id="cartback_url" class="large-text code" type="url" name="cartback_settings[url]" value="<?php echo esc_attr( $settings['url'] ); ?>" />
					<p class="description"><?php esc_html_e( 'From your WooCommerce connection in Cartback.', 'cartback' ); ?></p></td>
				</tr>
				<tr>
					<th scope="row"><label for="cartback_secret"><?php esc_html_e( 'Plugin secret', 'cartback' ); ?></label></th>
					<td><input id="cartback_secret" class="large-text code" type="password" autocomplete="off" name="cartback_settings[secret]" value="" placeholder="<?php echo esc_attr( $hint ); ?>" />
					<p class="description"><?php esc_html_e( 'Leave blank to keep the one that is set.', 'cartback' ); ?></p></td>
				</tr>
				<tr>
					<th scope="row"><label for="cartback_wording"><?php esc_html_e( 'Words next to the box', 'cartback' ); ?></label></th>
					<td><textarea id="cartback_wording" class="large-text" rows="4" name="cartback_settings[wording]" placeholder="<?php echo esc_attr( default_wording() ); ?>"><?php echo esc_textarea( $settings['wording'] ); ?></textarea>
					<p class="description"><?php esc_html_e( 'Must name your shop, SMS and cart reminders. The box is never ticked beforehand. Every consent keeps the words it was given to.', 'cartback' ); ?></p></td>
				</tr>
				<tr>
					<th scope="row"><?php esc_html_e( 'Events', 'cartback' ); ?></th>
					<td><label for="cartback_pixel"><input id="cartback_pixel" type="checkbox" name="cartback_settings[pixel]" value="1" <?php checked( '1', $settings['pixel'] ); ?> /> <?php esc_html_e( 'Tell Cartback which steps visitors take on the way to an order', 'cartback' ); ?></label>
					<p class="description"><?php esc_html_e( 'A small script on every page. It sets no cookie, keeps nothing before consent (WP Consent API), and is silent where a browser asks not to be followed.', 'cartback' ); ?></p></td>
				</tr>
			</table>
			<?php submit_button(); ?>
		</form>
		<form method="post" action="<?php echo esc_url( admin_url( 'admin-post.php' ) ); ?>">
			<input type="hidden" name="action" value="cartback_test" />
			<?php wp_nonce_field( 'cartback_test' ); ?>
			<?php submit_button( __( 'Send a test to Cartback', 'cartback' ), 'secondary' ); ?>
		</form>
	</div>
	<?php
}

function status_line(): string {
	if ( get_option( 'cartback_stopped' ) ) {
		return __( 'Cartback answered that this connection is gone. Nothing is sent until you save these settings again.', 'cartback' );
	}
	if ( ! connected() ) {
		return __( 'Not connected yet: the box is not shown and nothing is sent.', 'cartback' );
	}
	$status = get_option( 'cartback_status' );
	if ( ! is_array( $status ) ) {
		return __( 'Ready. Nothing has been sent yet.', 'cartback' );
	}
	$when = gmdate( 'Y-m-d H:i', (int) $status['at'] ) . ' UTC';
	$code = (int) $status['code'];
	if ( $code >= 200 && $code < 300 ) {
		/* translators: %s: date and time */
		return sprintf( __( 'Connected. Last delivery: %s.', 'cartback' ), $when );
	}
	if ( 401 === $code ) {
		/* translators: %s: date and time */
		return sprintf( __( 'Cartback refused the signature (%s): is the plugin secret the same on both sides, and the clock right?', 'cartback' ), $when );
	}
	/* translators: 1: HTTP status or reason, 2: date and time */
	return sprintf( __( 'The last delivery failed (%1$s, %2$s) and is tried again by itself.', 'cartback' ), $code > 0 ? 'HTTP ' . $code : (string) $status['why'], $when );
}

function on_test(): void {
	if ( ! current_user_can( 'manage_options' ) ) {
		wp_die( esc_html__( 'Not allowed.', 'cartback' ), '', array( 'response' => 403 ) );
	}
	check_admin_referer( 'cartback_test' );
	$now = now_ms();
	post( message_id( 'test', '', $now ), 'test', array(), $now );
	wp_safe_redirect( admin_url( 'admin.php?page=cartback' ), 303 );
	exit;
}

/* ---------------------------------------------------------------- privacy tools */

function add_exporter( array $exporters ): array {
	$exporters['cartback'] = array( 'exporter_friendly_name' => 'Cartback', 'callback' => __NAMESPACE__ . '\export' );
	return $exporters;
}

function add_eraser( array $erasers ): array {
	$erasers['cartback'] = array( 'eraser_friendly_name' => 'Cartback', 'callback' => __NAMESPACE__ . '\erase' );
	return $erasers;
}

function orders_of( string $email, int $page ): array {
	return ! function_exists( 'wc_get_orders' ) ? array() : wc_get_orders( array( 'billing_email' => $email, 'limit' => 50, 'page' => $page, 'orderby' => 'ID', 'order' => 'ASC' ) );
}

function export( string $email, int $page = 1 ): array {
	$found = array();
	foreach ( 1 === $page ? rows_of( $email ) : array() as $row ) {
		$found[] = exported( 'checkout-' . $row['token'], array_merge( array( 'phone' => $row['phone'], 'email' => $row['email'] ), $row['data'] ) );
	}
	$orders = orders_of( $email, $page );
	foreach ( $orders as $order ) {
		$consent = $order->get_meta( '_cartback_consent' );
		if ( is_array( $consent ) ) {
			$found[] = exported( 'order-' . $order->get_id(), $consent );
		}
	}
	return array( 'data' => $found, 'done' => count( $orders ) < 50 );
}

function exported( string $id, array $values ): array {
	$pairs = array();
	foreach ( $values as $name => $value ) {
		$pairs[] = array( 'name' => (string) $name, 'value' => is_scalar( $value ) ? (string) $value : wp_json_encode( $value ) );
	}
	return array( 'group_id' => 'cartback', 'group_label' => __( 'Cart reminders (Cartback)', 'cartback' ), 'item_id' => $id, 'data' => $pairs );
}

/** Cartback is told to erase the person too; until it has answered, only the address to name them by stays here. */
function erase( string $email, int $page = 1 ): array {
	$rows = 1 === $page ? rows_of( $email ) : array();
	if ( 1 === $page && connected() ) {
		$rows = $rows ? $rows : array( array_merge( blank_row( bin2hex( random_bytes( 16 ) ) ), array( 'email' => email_key( $email ) ) ) );
		foreach ( $rows as $row ) {
			$row['phone']      = '' !== $row['phone'] ? $row['phone'] : (string) ( $row['data']['told_phone'] ?? '' );
			$row['data']       = array();
			$row['changed_at'] = next_ms( $row );
			$row['erased_at']  = now_ms();
			save( $row );
			queue( 'customer.redacted', $row['token'] );
		}
	} else {
		foreach ( $rows as $row ) {
			forget( $row['token'] );
		}
	}
	$orders  = orders_of( $email, $page );
	$removed = count( $rows ) > 0;
	foreach ( $orders as $order ) {
		foreach ( array( '_cartback_consent', '_cartback_token', '_cartback_recovery' ) as $name ) {
			$removed = $removed || '' !== $order->get_meta( $name );
			$order->delete_meta_data( $name );
		}
		$order->save();
	}
	return array( 'items_removed' => $removed, 'items_retained' => false, 'messages' => array(), 'done' => count( $orders ) < 50 );
}
