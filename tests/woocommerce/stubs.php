<?php
/**
 * As much of WordPress and WooCommerce as the plugin touches, in memory. Not a copy of either: every function does the
 * least that lets a test see what the plugin asked for.
 */

namespace {
	const ABSPATH        = __DIR__ . '/wordpress/';
	const DAY_IN_SECONDS = 86400;
	const ARRAY_A        = 'ARRAY_A';
	const COOKIEPATH     = '/';
	const COOKIE_DOMAIN  = '';

	/** Everything a test may look at or set. */
	final class World {
		public static $options, $hooks, $queue, $posts, $answer, $cookies, $rows, $notices, $orders, $user, $may, $nonce_ok, $blocks_fields, $errors, $headers, $scripts, $page;

		public static function reset(): void {
			self::$options       = array( 'blogname' => 'Oak &amp; Ash' );
			self::$queue         = array();
			self::$posts         = array();
			self::$answer        = 200;
			self::$cookies       = array();
			self::$rows          = array();
			self::$notices       = array();
			self::$orders        = array();
			self::$user          = 0;
			self::$may           = true;
			self::$nonce_ok      = true;
			self::$blocks_fields = array();
			self::$errors        = array();
			self::$headers       = array();
			self::$scripts       = array();
			// 0 is any page, 1 the checkout, more the number of an order just placed.
			self::$page          = 0;
			$_GET                = array();
			$_POST               = array();
			$_COOKIE             = array();
			$_SERVER['HTTP_USER_AGENT'] = 'Browser/1.0';
			unset( self::$hooks['shutdown'] );
			WC()->cart    = new Cart();
			WC()->session = new Session();
		}
	}

	/** Thrown where WordPress would end the request. */
	final class Ended extends \Exception {}

	final class Database {
		public $prefix = 'wp_';
		public function get_charset_collate() { return ''; }
		public function prepare( $sql, ...$values ) { return array( $sql, $values ); }
		public function get_row( $asked ) { return World::$rows[ $asked[1][0] ] ?? null; }
		public function get_results( $asked ) {
			return array_values( array_filter( World::$rows, static fn( $row ) => $row['email'] === $asked[1][0] && 0 === (int) $row['erased_at'] ) );
		}
		public function replace( $table, $row ) { World::$rows[ $row['token'] ] = array_map( 'strval', $row ); }
		public function delete( $table, $where ) { unset( World::$rows[ $where['token'] ] ); }
		public function query( $sql ) {
			if ( is_array( $sql ) ) {
				list( $old, $bought ) = $sql[1];
				World::$rows          = array_filter( World::$rows, static fn( $row ) => $row['changed_at'] >= $old && ! ( $row['bought_at'] > 0 && $row['bought_at'] < $bought ) );
			} else {
				World::$rows = array();
			}
		}
	}
	$GLOBALS['wpdb'] = new Database();

	final class Product {
		public $id, $name, $price, $stock;
		public function __construct( $id, $name, $price, $stock = 10 ) {
			list( $this->id, $this->name, $this->price, $this->stock ) = array( $id, $name, $price, $stock );
		}
		public function get_price() { return $this->price; }
		public function get_name() { return $this->name; }
		public function is_purchasable() { return '' !== $this->price; }
		public function is_in_stock() { return $this->stock > 0; }
		public function has_enough_stock( $quantity ) { return $this->stock >= $quantity; }
		public function get_stock_quantity() { return $this->stock; }
	}

	final class Cart {
		public $lines = array();
		public $coupons = array();
		public function is_empty() { return ! $this->lines; }
		public function get_cart() { return $this->lines; }
		public function get_total() {
			return (string) array_sum( array_map( static fn( $line ) => $line['quantity'] * (float) $line['data']->price, $this->lines ) );
		}
		public function add_to_cart( $id, $quantity = 1, $variation = 0, $chosen = array() ) {
			$this->lines[ "$id:$variation" ] = array( 'product_id' => $id, 'variation_id' => $variation, 'variation' => $chosen, 'quantity' => $quantity, 'data' => wc_get_product( $variation ? $variation : $id ) );
			do_action( 'woocommerce_add_to_cart' );
			return "$id:$variation";
		}
		public function has_discount( $code ) { return in_array( $code, $this->coupons, true ); }
		public function apply_coupon( $code ) { $this->coupons[] = $code; }
	}

	final class Order {
		public $meta = array();
		public $billing = array();
		public function __call( $name, $arguments ) { return $this->billing[ str_replace( 'get_', '', $name ) ] ?? ''; }
		public function get_id() { return 42; }
		public function get_meta( $key ) { return $this->meta[ $key ] ?? ''; }
		public function update_meta_data( $key, $value ) { $this->meta[ $key ] = $value; }
		public function delete_meta_data( $key ) { unset( $this->meta[ $key ] ); }
		public function save() {}
	}

	final class Request {
		private $fields;
		public function __construct( $fields ) { $this->fields = $fields; }
		public function get_param( $name ) { return 'additional_fields' === $name ? $this->fields : null; }
	}

	final class Failure {
		public function get_error_message() { return 'cURL error 28'; }
	}

	final class WC_Geolocation {
		public static function get_ip_address() { return '192.0.2.7'; }
	}

	final class Session {
		public $kept = array();
		public function get( $name ) { return $this->kept[ $name ] ?? null; }
		public function set( $name, $value ) { $this->kept[ $name ] = $value; }
	}

	final class Shop {
		public $cart, $session;
	}
	function WC() { static $shop; return $shop = $shop ?? new Shop(); }

	function add_action( $hook, $call, $priority = 10, $arguments = 1 ) { World::$hooks[ $hook ][] = array( $call, $priority, $arguments ); }
	function add_filter( $hook, $call, $priority = 10, $arguments = 1 ) { add_action( $hook, $call, $priority, $arguments ); }
	function has_action( $hook, $call ) {
		foreach ( World::$hooks[ $hook ] ?? array() as $known ) {
			if ( $known[0] === $call ) { return $known[1]; }
		}
		return false;
	}
	function do_action( $hook, ...$values ) {
		foreach ( World::$hooks[ $hook ] ?? array() as list( $call, , $count ) ) { $call( ...array_slice( $values, 0, $count ) ); }
	}
	function apply_filters( $hook, $value, ...$more ) {
		foreach ( World::$hooks[ $hook ] ?? array() as list( $call, , $count ) ) { $value = $call( ...array_slice( array_merge( array( $value ), $more ), 0, $count ) ); }
		return $value;
	}
	function register_activation_hook() {}
	function register_deactivation_hook() {}
	function register_uninstall_hook() {}

	function get_option( $name, $default = false ) { return World::$options[ $name ] ?? $default; }
	function update_option( $name, $value ) { World::$options[ $name ] = $value; return true; }
	function add_option( $name, $value ) { World::$options[ $name ] = World::$options[ $name ] ?? $value; return true; }
	function delete_option( $name ) { unset( World::$options[ $name ] ); return true; }

	function __( $text ) { return $text; }
	function _n( $one, $many, $count ) { return 1 === $count ? $one : $many; }
	function esc_html__( $text ) { return esc_html( $text ); }
	function esc_html_e( $text ) { echo esc_html( $text ); }
	function esc_html( $text ) { return htmlspecialchars( (string) $text, ENT_QUOTES, 'UTF-8' ); }
	function esc_attr( $text ) { return esc_html( $text ); }
	function checked( $one, $other ) { echo $one === $other ? ' checked="checked"' : ''; }
	function absint( $number ) { return abs( (int) $number ); }
	function is_checkout() { return World::$page > 0; }
	function is_order_received_page() { return World::$page > 1; }
	function get_query_var( $name ) { return 'order-received' === $name ? World::$page : ''; }
	function wp_enqueue_script( $name, $source, $needs = array(), $version = false, $how = false ) { World::$scripts[ $name ] = $source; }
	function esc_textarea( $text ) { return esc_html( $text ); }
	function esc_url( $url ) { return esc_html( esc_url_raw( $url ) ); }
	function esc_url_raw( $url, $protocols = array( 'http', 'https' ) ) {
		$scheme = strtolower( (string) parse_url( $url, PHP_URL_SCHEME ) );
		return in_array( $scheme, $protocols, true ) ? str_replace( array( ' ', '"', '<', '>' ), '', $url ) : '';
	}
	function sanitize_text_field( $text ) { return trim( preg_replace( '/[\r\n\t\0 ]+/', ' ', strip_tags( (string) $text ) ) ); }
	function sanitize_textarea_field( $text ) { return trim( strip_tags( (string) $text ) ); }
	function sanitize_email( $email ) { return filter_var( $email, FILTER_VALIDATE_EMAIL ) ? $email : ''; }
	function wp_unslash( $value ) { return is_string( $value ) ? stripslashes( $value ) : $value; }
	function wp_specialchars_decode( $text ) { return htmlspecialchars_decode( $text, ENT_QUOTES ); }
	function wp_strip_all_tags( $text ) { return trim( strip_tags( $text ) ); }
	function wp_parse_url( $url, $part = -1 ) { return parse_url( (string) $url, $part ); }
	function wp_json_encode( $value, $flags = 0 ) { return json_encode( $value, $flags ); }
	function wp_rand( $least, $most ) { return $least; }
	function determine_locale() { return 'de_DE'; }
	function is_ssl() { return true; }
	function is_admin() { return false; }
	function home_url( $path = '' ) { return 'https://shop.example' . $path; }
	function admin_url( $path = '' ) { return 'https://shop.example/wp-admin/' . $path; }
	function plugins_url( $path ) { return 'https://shop.example/wp-content/plugins/cartback/' . $path; }
	function add_query_arg( ...$given ) {
		list( $pairs, $url ) = is_array( $given[0] ) ? $given : array( array( $given[0] => $given[1] ), $given[2] );
		foreach ( $pairs as $name => $value ) { $url .= ( false === strpos( $url, '?' ) ? '?' : '&' ) . $name . '=' . $value; }
		return $url;
	}
	function nocache_headers() {}
	function wp_safe_redirect( $url, $status = 302 ) { throw new Ended( $status . ' ' . $url ); }
	function wp_die( $why = '' ) { throw new Ended( 'died ' . $why ); }
	function wp_send_json_success() { throw new Ended( 'success' ); }
	function check_ajax_referer() { if ( ! World::$nonce_ok ) { throw new Ended( 'nonce' ); } }
	function check_admin_referer() { check_ajax_referer(); }
	function wp_create_nonce() { return 'n0nce'; }
	function wp_nonce_field() { echo '<input type="hidden" name="_wpnonce" value="n0nce" />'; }
	function wp_get_raw_referer() { return $_SERVER['HTTP_REFERER'] ?? false; }
	function current_user_can() { return World::$may; }
	function get_current_user_id() { return World::$user; }
	function settings_fields() { wp_nonce_field(); }
	function settings_errors() {}
	function submit_button( $text = 'Save' ) { echo '<button>' . esc_html( $text ) . '</button>'; }
	function add_settings_error( $setting, $code ) { World::$errors[] = $code; }

	function wp_safe_remote_post( $url, $given ) {
		World::$posts[] = array( 'url' => $url ) + $given;
		return World::$answer ? array( 'code' => World::$answer ) : new Failure();
	}
	function is_wp_error( $value ) { return $value instanceof Failure; }
	function wp_remote_retrieve_response_code( $answer ) { return $answer['code']; }

	function as_enqueue_async_action( $hook, $values ) { World::$queue[] = array( 0, $values ); }
	function as_schedule_single_action( $when, $hook, $values ) { World::$queue[] = array( $when - time(), $values ); }
	function as_unschedule_all_actions() { World::$queue = array(); }
	function as_get_scheduled_actions( $asked ) {
		return array_filter( World::$queue, static fn( $action ) => $action[1] === $asked['args'] );
	}

	function woocommerce_register_additional_checkout_field( $field ) { World::$blocks_fields[] = $field; }
	function get_woocommerce_currency() { return 'EUR'; }
	function wc_get_checkout_url() { return 'https://shop.example/checkout/'; }
	function wc_get_page_permalink() { return 'https://shop.example/shop/'; }
	function wc_format_coupon_code( $code ) { return strtolower( trim( $code ) ); }
	function wc_add_notice( $text ) { World::$notices[] = $text; }
	function wc_get_orders( $asked ) {
		return array_values( array_filter( World::$orders, static fn( $order ) => $order->get_billing_email() === $asked['billing_email'] ) );
	}
	function wc_get_product( $id ) {
		return $GLOBALS['products'][ $id ] ?? null;
	}
}

/** PHP's own functions that need a browser on the other side. */
namespace Cartback {
	function headers_sent() { return false; }
	function header( $line ) { \World::$headers[] = $line; }
	function setcookie( $name, $value, $given ) { \World::$cookies[ $name ] = array( $value, $given ); }
}
