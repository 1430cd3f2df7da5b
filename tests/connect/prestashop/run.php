<?php
/**
 * Tests of the PrestaShop module: `php tests/connect/prestashop/run.php`. With `emit` it prints, one a line, deliveries the
 * module makes as JSON, so that another program can check that it understands them. Everything is sent for real, to a small
 * server of the test's own.
 */
error_reporting(E_ALL);
set_error_handler(static function ($level, $text, $file, $line) {
    if (0 === (error_reporting() & $level)) {
        return false;
    }
    throw new ErrorException($text, 0, $level, $file, $line);
});
date_default_timezone_set('Europe/Berlin');

require __DIR__ . '/stubs.php';
require __DIR__ . '/../../../assets/connect/prestashop/cartback/cartback.php';
foreach (['restore', 'capture', 'send'] as $controller) {
    require __DIR__ . '/../../../assets/connect/prestashop/cartback/controllers/front/' . $controller . '.php';
}

const SECRET = 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA=';
const PHONE = '0151 23456789';

/** The server that stands for Cartback; ends with this script. */
final class Receiver
{
    public static $port, $kept, $process;

    public static function start()
    {
        $socket = stream_socket_server('tcp://127.0.0.1:0');
        self::$port = (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
        fclose($socket);
        self::$kept = tempnam(sys_get_temp_dir(), 'cartback');
        $null = ['file', '/dev/null', 'w'];
        self::$process = proc_open([PHP_BINARY, '-S', '127.0.0.1:' . self::$port, __DIR__ . '/server.php'], [$null, $null, $null], $pipes, null, ['CARTBACK_KEPT' => self::$kept] + getenv());
        register_shutdown_function(static function () {
            proc_terminate(self::$process);
            @unlink(self::$kept);
        });
        for ($try = 0; $try < 200 && !@fsockopen('127.0.0.1', self::$port); ++$try) {
            usleep(25000);
        }
    }

    public static function posts()
    {
        return array_map(static function ($line) { return json_decode($line, true); }, file(self::$kept, FILE_IGNORE_NEW_LINES));
    }

    public static function url($path)
    {
        return 'http://127.0.0.1:' . self::$port . $path;
    }
}

function same($expected, $found, $what)
{
    if ($expected !== $found) {
        throw new Exception("$what: expected " . var_export($expected, true) . ', found ' . var_export($found, true));
    }
    return $found;
}

/** A connected shop with two things in the visitor's cart, number 41. */
function shop($path = '/hook/200')
{
    World::reset();
    file_put_contents(Receiver::$kept, '');
    World::$config['CARTBACK_URL'] = Receiver::url($path);
    World::$config['CARTBACK_SECRET'] = SECRET;
    $cart = Context::$one->cart;
    $cart->id = 41;
    $cart->updateQty(2, 7);
    $cart->updateQty(1, 9, 91);
    return new Cartback();
}

function ticks($module, array $more = [])
{
    CartbackCart::capture(Context::$one, CartbackCart::wording($module), true, $more + ['phone' => PHONE, 'email' => 'Ida@Example.com', 'first_name' => 'Ida', 'id_country' => '1', 'zone' => 'Europe/Berlin']);
}

function unticks($module)
{
    CartbackCart::capture(Context::$one, CartbackCart::wording($module), false, ['phone' => PHONE]);
}

/** What the page's end does. */
function changed($module)
{
    $module->hookActionCartSave(['cart' => Context::$one->cart]);
    CartbackCart::refreshChanged();
}

function last_body()
{
    $posts = Receiver::posts();
    return json_decode(end($posts)['body'], true);
}

function queued()
{
    return array_keys(World::$tables['cartback_queue']);
}

function is_due_now()
{
    foreach (World::$tables['cartback_queue'] as $key => $row) {
        World::$tables['cartback_queue'][$key]['due_at'] = '0';
    }
}

function bought($module, array $more = [])
{
    World::$customers[12] = ['email' => 'ida@example.com', 'is_guest' => 0];
    World::$addresses[30] = ['phone' => '030 1234567', 'phone_mobile' => PHONE, 'id_country' => 1, 'id_state' => 0];
    World::$orders[700] = $more + [
        'reference' => 'XKBKNABJK', 'id_cart' => 41, 'id_customer' => 12, 'id_currency' => 1, 'id_address_delivery' => 30, 'id_address_invoice' => 30,
        'total_paid_tax_incl' => '550.500000', 'current_state' => 10, 'payment' => 'Bank transfer', 'date_add' => '2026-03-01 12:00:00', 'date_upd' => '2026-03-01 12:00:00',
    ];
    $module->hookActionValidateOrder(['order' => new Order(700)]);
}

function told($module, array $more)
{
    World::$orders[700] = $more + World::$orders[700];
    $module->hookActionOrderStatusPostUpdate(['id_order' => 700]);
    CartbackSender::flush(5);
    return last_body()['data'];
}

/** The next visitor, from another browser. */
function another_visitor()
{
    Context::$one = new Context();
    return Context::$one;
}

function a_link($cart = 41)
{
    return CartbackToken::restore($cart, time() + 1000);
}

function restored($module, $token, array $more = [])
{
    $_GET = ['cartback_restore' => $token] + $more;
    try {
        (new CartbackRestoreModuleFrontController($module))->postProcess();
    } catch (Ended $end) {
        return $end->getMessage();
    }
    throw new Exception('did not lead on');
}

$tests = [
    'every hook is registered and has a function' => static function () {
        World::reset();
        $module = new Cartback();
        same(true, $module->install(), 'installed');
        same(Cartback::HOOKS, World::$hooks, 'hooks');
        foreach (World::$hooks as $hook) {
            same(true, method_exists($module, 'hook' . ucfirst($hook)), $hook);
        }
        same(64, strlen(World::$config['CARTBACK_KEY']), 'key');
    },

    'nothing is kept or told until the box is ticked' => static function () {
        $module = shop();
        unticks($module);
        changed($module);
        same([], World::$tables['cartback_cart'], 'rows');
        same([], queued(), 'queue');
        World::$config['CARTBACK_SECRET'] = '';
        ticks($module);
        same([[], []], [World::$tables['cartback_cart'], queued()], 'not connected');
    },

    'a tick is told with its proof, signed' => static function () {
        $module = shop();
        ticks($module);
        same(['checkout.updated|41'], queued(), 'queue');
        same([], Receiver::posts(), 'nothing while the page is made');
        same(1, CartbackSender::flush(5), 'sent');
        same([], queued(), 'worked off');
        $sent = Receiver::posts()[0]['headers'];
        $body = Receiver::posts()[0]['body'];
        $expected = base64_encode(hash_hmac('sha256', "{$sent['webhook-id']}.{$sent['webhook-timestamp']}.$body", base64_decode(substr(SECRET, 6)), true));
        same('v1,' . $expected, $sent['webhook-signature'], 'signature');
        same('application/json', $sent['content-type'], 'type');
        $data = last_body()['data'];
        same(['41', PHONE, 'ida@example.com', 'DE', 'de-DE', 'Europe/Berlin', '550.50', 'EUR'], [$data['token'], $data['phone'], $data['email'], $data['country'], $data['language'], $data['time_zone'], $data['total'], $data['currency']], 'data');
        same(['Oak chair', 'Ash table, Size : long'], array_column($data['items'], 'title'), 'items');
        same(['120.00', '310.50'], array_column($data['items'], 'price'), 'prices');
        same(0, strpos($data['recovery_url'], 'https://shop.example.com/module/cartback/restore?cartback_restore=41.'), 'link');
        $consent = $data['consent'];
        same(['granted', 'cartback-prestashop', 'single_opt_in', '192.0.2.7', 'Browser/1.0', 16], [$consent['state'], $consent['source'], $consent['level'], $consent['ip'], $consent['agent'], strlen($consent['version'])], 'consent');
        same(0, strpos($consent['text'], 'Lumen & Oak may remind me by SMS'), 'wording');
    },

    'money as the currency has it' => static function () {
        same('12.35', CartbackCart::amount('12.345678', new Currency(1)), 'EUR');
        same('12.346', CartbackCart::amount(12.345678, new Currency(2)), 'BHD');
        same('12', CartbackCart::amount(12.3, new Currency(3)), 'JPY');
        same('0.30', CartbackCart::amount(0.1 + 0.2, new Currency(1)), 'a float');
    },

    'the same again tells nothing, a changed cart or address tells once' => static function () {
        $module = shop();
        ticks($module);
        CartbackSender::flush(5);
        ticks($module);
        changed($module);
        same([], queued(), 'nothing new');
        Context::$one->cart->updateQty(3, 7);
        World::$addresses[31] = ['phone' => '01 234 567 89', 'phone_mobile' => '', 'id_country' => 2, 'id_state' => 6];
        Context::$one->cart->id_address_delivery = 31;
        for ($i = 0; $i < 5; ++$i) {
            $module->hookActionCartSave(['cart' => Context::$one->cart]);
        }
        CartbackCart::refreshChanged();
        same(['checkout.updated|41'], queued(), 'once');
        CartbackSender::flush(5);
        $data = last_body()['data'];
        same(['01 234 567 89', 'AT', 'NY', '670.50'], [$data['phone'], $data['country'], $data['region'], $data['total']], 'told');
        same(true, $data['updated_at'] > json_decode(Receiver::posts()[0]['body'], true)['data']['updated_at'], 'later');
        Context::$one->cart->lines = [];
        changed($module);
        CartbackSender::flush(5);
        same('checkout.deleted', last_body()['type'], 'emptied');
    },

    'a tick taken back before it was told keeps the number here' => static function () {
        $module = shop();
        ticks($module);
        unticks($module);
        CartbackSender::flush(5);
        same(1, count(Receiver::posts()), 'posts');
        same([false, false], [strpos(Receiver::posts()[0]['body'], '23456789'), strpos(Receiver::posts()[0]['body'], 'ida')], 'nothing personal');
        same('not_given', last_body()['data']['consent']['state'], 'state');
    },

    'a tick taken back later withdraws that number' => static function () {
        $module = shop();
        ticks($module);
        CartbackSender::flush(5);
        unticks($module);
        CartbackSender::flush(5);
        $data = last_body()['data'];
        same(['withdrawn', PHONE, false], [$data['consent']['state'], $data['consent']['phone'], isset($data['phone'])], 'withdrawn');
        ticks($module);
        CartbackSender::flush(5);
        same('granted', last_body()['data']['consent']['state'], 'ticked again');
    },

    'the box is escaped and never ticked beforehand' => static function () {
        $module = shop();
        World::$config['CARTBACK_WORDING'] = 'Text me <script>alert(1)</script> "now"';
        $html = $module->hookDisplayBeforeCarrier([]);
        same([false, false, true], [strpos($html, '<script>'), strpos($html, 'checked'), false !== strpos($html, 'type="checkbox"')], 'box');
        same('', $module->hookDisplayPaymentTop([]), 'one box for what is delivered');
        ticks($module);
        same(true, false !== strpos($module->hookDisplayBeforeCarrier([]), ' checked'), 'as it was left');
        World::$config['CARTBACK_SECRET'] = '';
        same('', $module->hookDisplayBeforeCarrier([]), 'not connected');
    },

    'a page without a cart is no mistake' => static function () {
        $module = shop();
        Context::$one->cart = null;
        $module->context = Context::$one;
        $module->hookActionFrontControllerSetMedia([]);
        same([false, '', false], [World::$js['cartbackSettings']['ticked'], $module->hookDisplayPaymentTop([]), strpos($module->hookDisplayBeforeCarrier([]), 'checked')], 'unticked');
        same([], World::$logs, 'nothing to note');
    },

    'an order is told to its end' => static function () {
        $module = shop();
        $_GET = ['cartback' => 'AbC_123-xyz'];
        $module->hookActionFrontControllerSetMedia([]);
        ticks($module);
        World::$rules[3] = ['code' => 'OAK10'];
        World::$orderRules = [['id_cart_rule' => 3, 'value' => '55.050000']];
        bought($module);
        CartbackSender::flush(5);
        $order = last_body()['data'];
        same('order.upserted', last_body()['type'], 'type');
        same(['700', 'XKBKNABJK', '41', 'placed', '550.50', 'EUR', '2026-03-01T11:00:00Z', '12', 'web'], [$order['id'], $order['number'], $order['checkout_token'], $order['status'], $order['total'], $order['currency'], $order['placed_at'], $order['customer_id'], $order['channel']], 'order');
        same([['number' => PHONE, 'country' => 'DE'], ['number' => '030 1234567', 'country' => 'DE']], $order['phones'], 'phones');
        same([['AbC_123-xyz'], ['OAK10'], [['code' => 'OAK10', 'amount' => '55.05']]], [$order['recovery_tokens'], $order['codes'], $order['discounts']], 'reminder and code');
        same('paid', told($module, ['current_state' => 2])['status'], 'paid');
        same('failed', told($module, ['current_state' => 8])['status'], 'payment failed');
        World::$slips = [['amount' => '20.000000', 'total_products_tax_incl' => '20.000000', 'total_products_tax_excl' => '16.806700', 'total_shipping_tax_incl' => '4.900000', 'order_slip_type' => '2', 'date_add' => '2026-03-04 09:00:00']];
        World::$orders[700]['current_state'] = 2;
        $module->hookActionOrderSlipAdd(['order' => new Order(700)]);
        CartbackSender::flush(5);
        same(['24.90', '2026-03-04T08:00:00Z'], [last_body()['data']['refunded'], last_body()['data']['refunded_at']], 'a slip with postage');
        World::$slips[] = ['amount' => '5.000000', 'total_products_tax_incl' => '120.000000', 'total_products_tax_excl' => '100.000000', 'total_shipping_tax_incl' => '0.000000', 'order_slip_type' => '2', 'date_add' => '2026-03-05 09:00:00'];
        same('29.90', told($module, [])['refunded'], 'a sum chosen by hand');
        World::$slips = [];
        same(['refunded', '550.50'], array_values(array_intersect_key(told($module, ['current_state' => 7]), ['status' => 1, 'refunded' => 1])), 'by hand');
        $gone = told($module, ['current_state' => 6]);
        same(['cancelled', $gone['updated_at']], [$gone['status'], $gone['cancelled_at']], 'cancelled');
        $orders = array_filter(array_map(static function ($post) { return json_decode($post['body'], true); }, Receiver::posts()), static function ($told) { return 'order.upserted' === $told['type']; });
        $times = array_map(static function ($told) { return $told['data']['updated_at']; }, array_values($orders));
        for ($n = 0; $n < 20; ++$n) {
            $times[] = told($module, ['current_state' => $n % 2 ? 2 : 10])['updated_at'];
        }
        $sorted = array_values(array_unique($times));
        sort($sorted);
        same($sorted, $times, 'each later than the one before');
        same(['AbC_123-xyz'], last_body()['data']['recovery_tokens'], 'what was kept when it was placed stays');
        $ahead = CartbackStore::nowMs() + 60000;
        CartbackStore::keepOrder(700, ['changed_at' => $ahead]);
        same(CartbackCart::rfc3339($ahead + 1), told($module, [])['updated_at'], 'a clock that was put back');
    },

    'guests are not joined, and an order deleted meanwhile is not told' => static function () {
        $module = shop();
        bought($module, ['id_customer' => 0, 'id_address_delivery' => 99, 'id_address_invoice' => 99]);
        CartbackSender::flush(5);
        same([null, []], [last_body()['data']['customer_id'], last_body()['data']['phones']], 'guest');
        $module->hookActionPaymentConfirmation(['id_order' => 701]);
        CartbackSender::flush(5);
        same([1, []], [count(Receiver::posts()), queued()], 'gone');
    },

    'a bought cart is not told, restored or ticked any more' => static function () {
        $module = shop();
        ticks($module);
        bought($module);
        Context::$one->cart->updateQty(5, 7);
        changed($module);
        ticks($module, ['phone' => '0151 11111111']);
        same(PHONE, CartbackStore::cart(41)['phone'], 'phone');
        another_visitor();
        same('https://shop.example.com/', restored($module, a_link()), 'to');
    },

    'a restore link rebuilds the cart without any login' => static function () {
        $module = shop();
        Context::$one->customer = (object) ['id' => 12, 'email' => 'ida@example.com', 'firstname' => 'Ida', 'is_guest' => 0, 'secure_key' => 's3cret'];
        Context::$one->cart->id_customer = 12;
        ticks($module);
        $before = CartbackStore::cart(41);
        $visitor = another_visitor();
        World::$rules[3] = ['code' => 'OAK10'];
        $to = restored($module, a_link(), ['discount' => 'OAK10', 'utm_source' => 'sms', 'utm_campaign' => 'a b&c', 'next' => 'https://evil.example']);
        same('https://shop.example.com/order?utm_source=sms&utm_campaign=a+b%26c', $to, 'to');
        same([500, 0, null], [$visitor->cart->id, $visitor->cart->id_customer, $visitor->customer->id], 'nobody');
        same([0, 0, 500], [$visitor->cart->id_address_delivery, $visitor->cart->id_address_invoice, $visitor->cookie->id_cart], 'no address');
        same([['7:0', '9:91'], [3]], [array_keys($visitor->cart->lines), $visitor->cart->codes], 'lines and code');
        same($before, CartbackStore::cart(41), 'the cart it came from');
        restored($module, a_link());
        same(2, $visitor->cart->lines['7:0']['cart_quantity'], 'twice is once');
        same([], array_diff(queued(), ['checkout.updated|41']), 'opening tells nothing');
        // What is bought with it stops the texts of the first cart.
        bought($module, ['id_cart' => 500]);
        CartbackSender::flush(5);
        same(['500', '41'], [last_body()['data']['checkout_token'], last_body()['data']['cart_token']], 'linked');
    },

    "a visitor's own cart and account are kept" => static function () {
        $module = shop();
        ticks($module);
        $visitor = another_visitor();
        $visitor->customer = (object) ['id' => 77, 'email' => 'other@example.com', 'firstname' => 'O', 'is_guest' => 0, 'secure_key' => 'x'];
        $visitor->cart->id = 60;
        $visitor->cart->id_customer = 77;
        $visitor->cart->updateQty(1, 7);
        restored($module, a_link());
        same([60, 77, 1, true], [$visitor->cart->id, $visitor->cart->id_customer, $visitor->cart->lines['7:0']['cart_quantity'], isset($visitor->cart->lines['9:91'])], 'cart');
    },

    'what is gone or dearer is said' => static function () {
        $module = shop();
        ticks($module);
        World::$products[9]['stock'] = 0;
        World::$products[7]['price'] = 125.0;
        $visitor = another_visitor();
        same('https://shop.example.com/order | Some of your cart is no longer available. Some prices have changed since you were here.', restored($module, a_link()), 'said');
        same(['7:0'], array_keys($visitor->cart->lines), 'lines');
        World::$products[7]['stock'] = 1;
        $visitor = another_visitor();
        same(true, false !== strpos(restored($module, a_link()), 'There is less left'), 'fewer');
        same(1, $visitor->cart->lines['7:0']['cart_quantity'], 'what is left');
        World::$products[7]['stock'] = 10;
        World::$products[9]['backorder'] = 1;
        $visitor = another_visitor();
        restored($module, a_link());
        same(['7:0', '9:91'], array_keys($visitor->cart->lines), 'orders beyond the stock are taken');
        World::$products[9]['attributes'] = [92 => 'Size : short'];
        World::$products[7]['active'] = false;
        World::$rules[3] = ['code' => 'OAK10'];
        $visitor = another_visitor();
        same('https://shop.example.com/ | Some of your cart is no longer available.', restored($module, a_link(), ['discount' => 'OAK10']), 'nothing left');
        same([[], []], [$visitor->cart->lines, $visitor->cart->codes], 'nothing');
    },

    'a code that does not hold is not applied' => static function () {
        $module = shop();
        ticks($module);
        World::$rules[3] = ['code' => 'OLD', 'wrong' => 'expired'];
        $visitor = another_visitor();
        restored($module, a_link(), ['discount' => 'OLD']);
        restored($module, a_link(), ['discount' => 'NOTHING']);
        same([], $visitor->cart->codes, 'codes');
    },

    'a forged restore link is refused, every single one' => static function () {
        $module = shop();
        ticks($module);
        $good = a_link();
        same(41, CartbackToken::readRestore($good, time()), 'good');
        list(, $expires) = explode('.', $good);
        $forged = ['', '0', '41', [], null, "41..", "42.$expires." . substr($good, -32), strtoupper($good), $good . '0', substr($good, 0, -1), ' ' . $good, $good . "\n",
            "41.$expires." . CartbackToken::sign('send', "41.$expires"), "41.$expires." . substr(hash_hmac('sha256', "restore|41.$expires", ''), 0, 32)];
        for ($place = 0; $place < strlen($good); ++$place) {
            for ($bit = 0; $bit < 8; ++$bit) {
                $other = $good;
                $other[$place] = chr(ord($good[$place]) ^ (1 << $bit));
                $forged[] = $other;
            }
        }
        foreach ($forged as $given) {
            same(0, CartbackToken::readRestore($given, time()), var_export($given, true));
        }
        same(0, CartbackToken::readRestore(CartbackToken::restore(41, time() - 1), time()), 'too old');
        World::$config['CARTBACK_KEY'] = str_repeat('a', 64);
        $visitor = another_visitor();
        same('https://shop.example.com/', restored($module, $good), "another site's key");
        same([null, 0], [$visitor->cart->id, $visitor->cookie->written], 'no cart is made');
    },

    'a strange recovery parameter is not kept' => static function () {
        foreach (['short', str_repeat('a', 65), '<script>alert(1)</script>', "abcdefgh\r\nx", ['x']] as $given) {
            $module = shop();
            $_GET = ['cartback' => $given];
            $module->hookActionFrontControllerSetMedia([]);
            same('', CartbackRestore::mark(Context::$one), 'mark');
        }
    },

    'a slow Cartback does not slow the shop' => static function () {
        $module = shop('/slow/200');
        $begun = microtime(true);
        ticks($module);
        bought($module);
        changed($module);
        same(true, microtime(true) - $begun < 2, 'hooks');
        same(2, count(queued()), 'on disk');
        same(1, CartbackSender::flush(1), 'one, and then the time is up');
        World::$config['CARTBACK_URL'] = Receiver::url('/hook/200');
        World::$locked = true;
        same(0, CartbackSender::flush(5), 'another sends already');
    },

    'what fails is tried again with its id, and at last given up' => static function () {
        $module = shop('/hook/500');
        ticks($module);
        $waits = [];
        for ($try = 0; $try < 12 && queued(); ++$try) {
            same(0, CartbackSender::flush(5), 'sent');
            $row = current(World::$tables['cartback_queue']);
            $waits[] = $row ? intdiv((int) $row['due_at'] - CartbackStore::nowMs(), 1000) : -1;
            is_due_now();
        }
        same(10, count($waits), 'tries');
        foreach (CartbackStore::RETRY_SECONDS as $try => $seconds) {
            same(true, $waits[$try] >= $seconds - 2 && $waits[$try] <= $seconds * 1.2 + 1, "wait $try");
        }
        same(1, count(array_unique(array_map(static function ($post) { return $post['headers']['webhook-id']; }, Receiver::posts()))), 'one id');
        same(true, false !== strpos(CartbackSender::statusLine($module), 'HTTP 500'), 'the shopkeeper sees it');
        World::$config['CARTBACK_URL'] = 'http://127.0.0.1:1/';
        ticks($module, ['phone' => '0151 00000000']);
        CartbackSender::flush(5);
        same(true, false !== strpos(CartbackSender::statusLine($module), 'no answer'), 'no answer');
    },

    'a redirect is not followed, 410 stops everything until the settings are saved' => static function () {
        $module = shop('/hook/302');
        ticks($module);
        CartbackSender::flush(5);
        same([1, 1], [count(Receiver::posts()), count(queued())], 'not followed');
        World::$config['CARTBACK_URL'] = Receiver::url('/hook/410');
        is_due_now();
        CartbackSender::flush(5);
        same(false, CartbackSender::connected(), 'stopped');
        $_POST = ['submitCartback' => '1', 'CARTBACK_URL' => Receiver::url('/hook/200'), 'CARTBACK_SECRET' => '', 'CARTBACK_WORDING' => ''];
        $module->getContent();
        same(true, CartbackSender::connected(), 'again');
        is_due_now();
        same(1, CartbackSender::flush(5), 'nothing is lost');
    },

    'what changes while it is under way is told again' => static function () {
        $module = shop();
        ticks($module);
        $job = CartbackStore::due();
        ticks($module, ['phone' => '0151 23456780']);
        CartbackStore::told($job);
        same(['checkout.updated|41'], queued(), 'kept');
    },

    'URLs' => static function () {
        foreach (['https://hooks.example/h/1' => true, 'https://hooks.example:8443/h' => true, 'http://192.168.1.20:8080/h' => true, 'http://cartback:8080/h' => true, 'http://cartback.lan/h' => true, 'http://[::1]:8080/h' => true,
            'http://hooks.example/h' => false, 'http://8.8.8.8/h' => false, 'https://user:pass@hooks.example/h' => false, 'javascript:alert(1)' => false, 'file:///etc/passwd' => false, 'hooks.example' => false, '' => false] as $url => $fine) {
            same($fine ? $url : '', CartbackSender::cleanUrl($url), $url);
        }
    },

    'settings: wrong ones are refused, right ones before are kept, the secret is never shown' => static function () {
        $module = shop();
        $url = World::$config['CARTBACK_URL'];
        $_POST = ['submitCartback' => '1', 'CARTBACK_URL' => 'http://hooks.example/h', 'CARTBACK_SECRET' => 'whsec_dG9vIHNob3J0', 'CARTBACK_WORDING' => '<b>Text me</b>'];
        $html = $module->getContent();
        same([$url, SECRET, 'Text me'], [World::$config['CARTBACK_URL'], World::$config['CARTBACK_SECRET'], World::$config['CARTBACK_WORDING']], 'kept');
        same([2, false], [substr_count($html, 'ERROR'), strpos($html, substr(SECRET, 6, 20))], 'said');
        $_POST = ['submitCartbackTest' => '1'];
        $module->getContent();
        same('test', last_body()['type'], 'test');
    },

    'erasing tells Cartback and then forgets' => static function () {
        foreach ([['email' => 'Ida@example.com', 'id' => 12], ['ida@example.com'], [['email' => 'ida@example.com']], (object) ['email' => 'ida@example.com'], [PHONE]] as $given) {
            $module = shop('/hook/500');
            ticks($module);
            $by = is_object($given) ? $given : (array) $given;
            same(true, false !== strpos($module->hookActionExportGDPRData(['email' => 'ida@example.com']), '23456789'), 'exported');
            same('true', $module->hookActionDeleteGDPRCustomer($by), 'answer');
            same([[], false], [World::$tables['cartback_cart'], in_array('checkout.updated|41', queued(), true)], 'gone here');
            CartbackSender::flush(5);
            same(true, count(queued()) > 0, 'kept until told');
            World::$config['CARTBACK_URL'] = Receiver::url('/hook/200');
            is_due_now();
            CartbackSender::flush(5);
            same([], queued(), 'told');
            $said = implode(' ', array_column(Receiver::posts(), 'body'));
            same([true, true], [false !== strpos($said, 'customer.redacted'), false !== strpos($said, '23456789')], 'with the number');
        }
        $module = shop();
        same('true', $module->hookActionDeleteGDPRCustomer(['email' => 'nobody']), 'nonsense');
        same([], queued(), 'nothing');
    },

    'a mistake of ours never stops an order' => static function () {
        $module = shop();
        $module->hookActionValidateOrder(['order' => null]);
        $module->hookActionOrderStatusPostUpdate([]);
        same(true, count(World::$logs) > 0, 'noted');
        same(false, strpos(implode(World::$logs), PHONE), 'nobody by number');
    },

    'old rows go' => static function () {
        $module = shop();
        ticks($module);
        CartbackStore::prune();
        same(1, count(World::$tables['cartback_cart']), 'kept');
        World::$tables['cartback_cart'][41]['changed_at'] = '1';
        CartbackStore::prune();
        same([], World::$tables['cartback_cart'], 'gone');
    },

    'the doors of the script and of cron' => static function () {
        $run = static function ($what) {
            return (string) shell_exec(escapeshellarg(PHP_BINARY) . ' ' . escapeshellarg(__FILE__) . ' door ' . $what . ' 2>&1');
        };
        same('{}rows 1', $run('capture'), 'ticked');
        same('{}rows 0', $run('capture-forged'), 'without the token');
        same('{}rows 0', $run('capture-get'), 'by GET');
        same("1 sent\nrows 0", $run('send'), 'cron');
        same('rows 1', $run('send-forged'), 'a wrong key, too soon');
    },

    'uninstalling says so and leaves nothing' => static function () {
        $module = shop();
        ticks($module);
        same(true, $module->uninstall(), 'uninstalled');
        same('shop.uninstalled', last_body()['type'], 'type');
        same([], preg_grep('/^CARTBACK_/', array_keys(World::$config)), 'settings');
    },

    'where PHP can go on after the page, that is when it is told' => static function () {
        $module = shop();
        ticks($module);
        Cartback::finish();
        same(1, count(queued()), 'not in the page');
        eval('function fastcgi_finish_request() { World::$logs[] = "page is out"; }');
        Cartback::finish();
        same([[], ['page is out'], 1], [queued(), World::$logs, count(Receiver::posts())], 'after it');
    },
];

Receiver::start();

if ('door' === ($argv[1] ?? '')) {
    $module = shop();
    register_shutdown_function(static function () { echo 'rows ', count(World::$tables['cartback_queue']); });
    $what = explode('-', $argv[2])[0];
    $forged = strpos($argv[2], 'forged');
    $_SERVER['REQUEST_METHOD'] = strpos($argv[2], 'get') ? 'GET' : 'POST';
    ModuleFrontController::$tokenValid = !$forged;
    if ('capture' === $what) {
        $_POST = ['consent' => '1', 'phone' => PHONE, 'id_country' => '1'];
        (new CartbackCaptureModuleFrontController($module))->postProcess();
    }
    ticks($module);
    World::$config['CARTBACK_SEEN'] = (string) time();
    $_GET = ['key' => $forged ? str_repeat('0', 32) : CartbackToken::sign('send', 'cron')];
    (new CartbackSendModuleFrontController($module))->postProcess();
}

if ('emit' === ($argv[1] ?? '')) {
    $module = shop();
    ticks($module);
    CartbackSender::flush(5);
    unticks($module);
    CartbackSender::flush(5);
    bought($module);
    CartbackSender::flush(5);
    told($module, ['current_state' => 2]);
    World::$slips = [['amount' => '20.000000', 'total_products_tax_incl' => '20.000000', 'total_products_tax_excl' => '16.8', 'total_shipping_tax_incl' => '0', 'order_slip_type' => '0', 'date_add' => '2026-03-04 09:00:00']];
    told($module, []);
    told($module, ['current_state' => 6]);
    $_POST = ['submitCartbackTest' => '1'];
    $module->getContent();
    $module->hookActionDeleteGDPRCustomer(['email' => 'ida@example.com']);
    CartbackSender::flush(5);
    $module->uninstall();
    readfile(Receiver::$kept);
    exit(0);
}

// A controller sets headers, also after an earlier test has failed and said so.
ob_start();
$failed = 0;
foreach ($tests as $name => $test) {
    try {
        $test();
    } catch (Throwable $problem) {
        ++$failed;
        echo implode("\n", World::$logs), "FAILED $name\n  ", get_class($problem) === 'Exception' ? '' : get_class($problem) . ' ', $problem->getMessage(), ' (', basename($problem->getFile()), ':', $problem->getLine(), ")\n";
    }
}
echo count($tests) - $failed, ' of ', count($tests), " passed\n";
exit($failed ? 1 : 0);
