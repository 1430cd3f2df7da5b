<?php
/**
 * As much of PrestaShop as the module touches, in memory. Not a copy of it: every function does the least that lets a test
 * see what the module asked for.
 */
const _PS_VERSION_ = '8.1.0';
const _DB_PREFIX_ = 'ps_';
const _MYSQL_ENGINE_ = 'InnoDB';

/** Everything a test may look at or set. */
final class World
{
    public static $config, $tables, $logs, $hooks, $products, $customers, $addresses, $orders, $slips, $rules, $links, $js, $orderRules, $nextCart, $locked;

    public static function reset()
    {
        self::$config = ['PS_SHOP_NAME' => 'Lumen & Oak', 'PS_OS_CANCELED' => 6, 'PS_OS_REFUND' => 7, 'PS_OS_ERROR' => 8, 'PS_STOCK_MANAGEMENT' => 1];
        self::$tables = ['cartback_cart' => [], 'cartback_order' => [], 'cartback_queue' => []];
        self::$logs = self::$hooks = self::$customers = self::$addresses = self::$orders = self::$slips = self::$rules = self::$js = self::$orderRules = [];
        self::$products = [
            7 => ['name' => 'Oak <b>chair</b>', 'price' => 120.0, 'stock' => 10, 'active' => true, 'attributes' => []],
            9 => ['name' => 'Ash table', 'price' => 310.5, 'stock' => 10, 'active' => true, 'attributes' => [91 => 'Size : long']],
        ];
        self::$nextCart = 500;
        self::$locked = false;
        $_GET = $_POST = [];
        $_SERVER['HTTP_USER_AGENT'] = 'Browser/1.0';
        Context::$one = new Context();
        CartbackCart::$changed = [];
    }
}

/** Thrown where PrestaShop would end the request. */
final class Ended extends Exception
{
}

function pSQL($text, $html = false)
{
    return addslashes($html ? $text : strip_tags($text));
}

/** Reads just the statements that the module writes: `a = 1 AND b <= 2 ORDER BY c LIMIT n`. */
final class Db
{
    const REPLACE = 3;
    public static function getInstance() { static $one; return $one = $one ?: new self(); }
    public function execute($sql) { return true; }
    public function getValue($sql, $cache = true)
    {
        if (false !== strpos($sql, 'GET_LOCK')) {
            $free = !World::$locked;
            World::$locked = true;
            return $free ? '1' : '0';
        }
        World::$locked = false;
        return '1';
    }
    public function getRow($sql, $cache = true) { $rows = $this->executeS($sql); return $rows ? $rows[0] : false; }
    public function executeS($sql, $array = true, $cache = true)
    {
        if (1 !== preg_match('/\ASELECT \* FROM `ps_(\w+)` WHERE (.*?)(?: ORDER BY (\w+))?(?: LIMIT (\d+))?\z/s', $sql, $part)) {
            throw new Exception('no such statement: ' . $sql);
        }
        $rows = array_values(array_filter(World::$tables[$part[1]], self::where($part[2])));
        if (!empty($part[3])) {
            usort($rows, static function ($one, $other) use ($part) { return $one[$part[3]] <=> $other[$part[3]]; });
        }
        return isset($part[4]) ? array_slice($rows, 0, (int) $part[4]) : $rows;
    }
    public function insert($table, $row, $nulls = false, $cache = true, $type = 1)
    {
        $row = array_map(static function ($value) { return stripslashes((string) $value); }, $row);
        $key = 'cartback_queue' === $table ? $row['kind'] . '|' . $row['subject'] : $row['cartback_cart' === $table ? 'id_cart' : 'id_order'];
        World::$tables[$table][$key] = $row;
        return true;
    }
    public function update($table, $values, $where)
    {
        foreach (array_filter(World::$tables[$table], self::where($where)) as $key => $row) {
            World::$tables[$table][$key] = array_map('strval', $values) + $row;
        }
        return true;
    }
    public function delete($table, $where)
    {
        World::$tables[$table] = array_diff_key(World::$tables[$table], array_filter(World::$tables[$table], self::where($where)));
        return true;
    }
    private static function where($where)
    {
        $terms = array_map(static function ($term) {
            if (1 !== preg_match('/\A(\w+) (=|<=|<|>) (?:\'((?:[^\'\\\\]|\\\\.)*)\'|(\d+))\z/s', trim($term), $part)) {
                throw new Exception('no such condition: ' . $term);
            }
            return [$part[1], $part[2], isset($part[4]) ? (int) $part[4] : stripslashes($part[3])];
        }, explode(' AND ', $where));
        return static function ($row) use ($terms) {
            foreach ($terms as list($column, $how, $value)) {
                $is = is_int($value) ? (int) $row[$column] : $row[$column];
                if (!('=' === $how ? $is === $value : ('<' === $how ? $is < $value : ('>' === $how ? $is > $value : $is <= $value)))) {
                    return false;
                }
            }
            return true;
        };
    }
}

final class Configuration
{
    public static function get($name) { return World::$config[$name] ?? false; }
    public static function getGlobalValue($name) { return self::get($name); }
    public static function updateValue($name, $value) { World::$config[$name] = (string) $value; return true; }
    public static function updateGlobalValue($name, $value) { return self::updateValue($name, $value); }
    public static function deleteByName($name) { unset(World::$config[$name]); return true; }
}

final class Tools
{
    public static function getValue($name, $default = false) { return $_POST[$name] ?? $_GET[$name] ?? $default; }
    public static function isSubmit($name) { return isset($_POST[$name]); }
    public static function getToken($page = true) { return 'n0nce'; }
    public static function getRemoteAddr() { return '192.0.2.7'; }
    public static function getAdminTokenLite($tab) { return 't'; }
}

final class Validate
{
    public static function isEmail($email) { return (bool) filter_var($email, FILTER_VALIDATE_EMAIL); }
}

final class PrestaShopLogger
{
    public static function addLog($text, $severity) { World::$logs[] = $text; }
}

final class Media
{
    public static function addJsDef($given) { World::$js = $given; }
}

class AdminController
{
    public static $currentIndex = 'index.php?controller=AdminModules';
}

final class HelperForm
{
    public $module, $name_controller, $token, $currentIndex, $submit_action, $fields_value;
    public function generateForm($form) { return '<form>' . htmlspecialchars(json_encode([$form, $this->fields_value]), ENT_NOQUOTES) . '</form>'; }
}

class Module
{
    public $name, $tab, $version, $author, $need_instance, $bootstrap, $ps_versions_compliancy, $displayName, $description, $confirmUninstall, $context;
    public function __construct() { $this->context = Context::getContext(); }
    public function install() { return true; }
    public function uninstall() { return true; }
    public function registerHook($name) { World::$hooks[] = $name; return true; }
    public function l($text, $specific = false) { return $text; }
    public function displayError($text) { return 'ERROR ' . $text; }
    public function displayConfirmation($text) { return 'OK ' . $text; }
}

class ModuleFrontController
{
    public $ssl, $context, $module, $warning = [], $redirect_after;
    public static $tokenValid = true;
    public function __construct($module) { $this->module = $module; $this->context = Context::getContext(); }
    public function isTokenValid() { return self::$tokenValid; }
    public function redirectWithNotifications($url) { throw new Ended($url . ($this->warning ? ' | ' . implode(' ', $this->warning) : '')); }
}

/** PrestaShop's own takes any name. */
#[AllowDynamicProperties]
final class Cookie
{
    public $id_guest = 3;
    public $written = 0;
    public function write() { ++$this->written; }
}

final class Link
{
    public function getModuleLink($module, $controller, $query = [], $ssl = null, $language = null, $shop = null)
    {
        return "https://shop.example.com/module/$module/$controller" . ($query ? '?' . http_build_query($query) : '');
    }
    public function getPageLink($page, $ssl = null) { return 'https://shop.example.com/' . ('index' === $page ? '' : $page); }
}

final class Page
{
    public $php_self = 'order';
    public function registerJavascript($id, $path, $given) {}
}

final class Context
{
    public static $one;
    public $cart, $customer, $cookie, $link, $language, $currency, $shop, $controller;
    public function __construct()
    {
        $this->cart = new Cart();
        $this->cookie = new Cookie();
        $this->link = new Link();
        $this->language = (object) ['id' => 1, 'iso_code' => 'de', 'locale' => 'de-DE'];
        $this->currency = (object) ['id' => 1];
        $this->shop = (object) ['id' => 1, 'id_shop_group' => 1];
        $this->customer = (object) ['id' => null, 'email' => '', 'firstname' => '', 'is_guest' => 0, 'secure_key' => ''];
        $this->controller = new Page();
    }
    public static function getContext() { return self::$one; }
}

/** A row kept in `World`, by its id; as PrestaShop's own, empty when there is none. */
#[AllowDynamicProperties]
abstract class Kept
{
    public $id;
    public function __construct($id = null)
    {
        foreach ($id ? (static::rows()[$id] ?? []) : [] as $name => $value) {
            $this->$name = $value;
            $this->id = $id;
        }
    }
    abstract protected static function rows();
}

final class Currency extends Kept
{
    public $iso_code, $precision;
    protected static function rows() { return [1 => ['iso_code' => 'EUR', 'precision' => 2], 2 => ['iso_code' => 'BHD', 'precision' => 3], 3 => ['iso_code' => 'JPY', 'precision' => 0]]; }
}

final class Address extends Kept
{
    public $phone = '', $phone_mobile = '', $id_country = 0, $id_state = 0;
    protected static function rows() { return World::$addresses; }
    public static function getFirstCustomerAddressId($customer) { return 0; }
}

final class State extends Kept
{
    public $iso_code;
    protected static function rows() { return [5 => ['iso_code' => 'CA'], 6 => ['iso_code' => 'US-NY'], 7 => ['iso_code' => 'Whatever']]; }
}

final class Country
{
    public static function getIsoById($id) { return [1 => 'DE', 2 => 'AT', 21 => 'US'][$id] ?? false; }
}

final class Customer extends Kept
{
    public $email = '', $is_guest = 0;
    protected static function rows() { return World::$customers; }
}

final class OrderState extends Kept
{
    public $paid;
    protected static function rows() { return [2 => ['paid' => 1], 7 => ['paid' => 0], 10 => ['paid' => 0]]; }
}

final class Order extends Kept
{
    public $reference, $id_cart, $id_customer, $id_currency, $id_address_delivery, $id_address_invoice, $total_paid_tax_incl, $current_state, $payment, $date_add, $date_upd;
    protected static function rows() { return World::$orders; }
    public function getCartRules() { return World::$orderRules; }
}

final class OrderSlip
{
    public static function getOrdersSlip($customer, $order = false) { return World::$slips; }
}

final class CartRule extends Kept
{
    public $code;
    protected static function rows() { return World::$rules; }
    public static function isFeatureActive() { return true; }
    public static function autoAddToCart($context) {}
    public static function getIdByCode($code)
    {
        foreach (World::$rules as $id => $rule) {
            if ($rule['code'] === $code) { return $id; }
        }
        return false;
    }
    public function checkValidity($context, $in_cart = false, $display = true) { return World::$rules[$this->id]['wrong'] ?? null; }
}

final class Product extends Kept
{
    public $active, $available_for_order = true;
    public function __construct($id = null, $full = false, $language = null, $shop = null) { parent::__construct($id); }
    protected static function rows() { return array_map(static function ($it) { return ['active' => $it['active']]; }, World::$products); }
    public function checkAccess($customer) { return true; }
    public function hasAttributes() { return count(World::$products[$this->id]['attributes']); }
    public function getAttributeCombinations($language) { return array_map(static function ($id) { return ['id_product_attribute' => (string) $id]; }, array_keys(World::$products[$this->id]['attributes'])); }
    public static function isAvailableWhenOutOfStock($policy) { return 1 === $policy; }
}

final class StockAvailable
{
    public static function outOfStock($product, $shop = null) { return World::$products[$product]['backorder'] ?? 0; }
    public static function getQuantityAvailableByProduct($product, $attribute = null, $shop = null) { return World::$products[$product]['stock']; }
}

final class Cart
{
    const BOTH = 3;
    public $id, $id_shop = 1, $id_shop_group = 1, $id_lang = 1, $id_currency = 1, $id_guest, $id_customer = 0, $secure_key, $id_address_delivery = 0, $id_address_invoice = 0;
    public $lines = [], $codes = [];
    public function add() { $this->id = World::$nextCart++; return true; }
    public function nbProducts() { return array_sum(array_column($this->lines, 'cart_quantity')); }
    public function isVirtualCart() { return false; }
    public function addCartRule($id) { $this->codes[] = $id; return true; }
    public function getProducts($refresh = false)
    {
        return array_map(static function ($line) { return ['price_wt' => World::$products[$line['id_product']]['price']] + $line; }, array_values($this->lines));
    }
    public function getOrderTotal($tax, $what) { return array_sum(array_map(static function ($line) { return $line['cart_quantity'] * $line['price_wt']; }, $this->getProducts())); }
    public function updateQty($quantity, $product, $attribute = null, $customization = false)
    {
        if (World::$products[$product]['stock'] < $quantity && empty(World::$products[$product]['backorder'])) {
            return false;
        }
        $this->lines[$product . ':' . (int) $attribute] = [
            'id_product' => (string) $product, 'id_product_attribute' => (string) (int) $attribute, 'id_customization' => $customization ? '4' : null,
            'cart_quantity' => $quantity, 'name' => World::$products[$product]['name'], 'attributes_small' => World::$products[$product]['attributes'][$attribute] ?? '',
        ];
        return true;
    }
}
