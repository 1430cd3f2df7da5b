<?php
/** A cart as Cartback is told of it. Nothing of a cart is read or kept before its box is ticked. */
if (!defined('_PS_VERSION_')) {
    exit;
}

final class CartbackCart
{
    const LINES_MAX = 100;

    /** Carts saved in this request, by id. */
    public static $changed = [];

    public static function wording($module)
    {
        $wording = (string) Configuration::get('CARTBACK_WORDING');

        return '' !== $wording ? $wording : $module->defaultWording();
    }

    public static function isTicked($id)
    {
        $row = CartbackStore::cart($id);

        return null !== $row && !$row['bought_at'] && self::consented($row);
    }

    public static function consented(array $row)
    {
        return !empty($row['data']['consent']['sms']);
    }

    /**
     * The box and what stands in the form now. Without the tick nothing of `$given` is read; a tick taken back is told,
     * and everything personal is forgotten.
     */
    public static function capture($context, $wording, $ticked, array $given)
    {
        $cart = $context->cart;
        if (!$cart || !$cart->id || !CartbackSender::connected()) {
            return;
        }
        $row = CartbackStore::cart((int) $cart->id);
        if ($row && $row['bought_at']) {
            return;
        }
        if (!$ticked) {
            if ($row && self::consented($row)) {
                self::withdraw($row);
            }

            return;
        }
        $address = self::address($cart);
        $typed = self::cleanPhone(isset($given['phone']) ? (string) $given['phone'] : '');
        $kept = $address ? self::phones($address) : [];
        $phone = '' !== $typed ? $typed : ($kept ? $kept[0] : '');
        if ('' === $phone || !$cart->nbProducts()) {
            return;
        }
        $row = $row ? $row : CartbackStore::blankCart((int) $cart->id);
        $before = [$row['phone'], $row['email'], $row['data']];
        $known = $row['data'];
        $country = $address ? (int) $address->id_country : 0;
        if (!empty($given['id_country'])) {
            $country = (int) $given['id_country'];
        }
        $version = substr(hash('sha256', $wording), 0, 16);
        $email = !empty($context->customer->email) ? $context->customer->email : (isset($given['email']) ? (string) $given['email'] : '');
        $name = !empty($context->customer->firstname) ? $context->customer->firstname : (isset($given['first_name']) ? (string) $given['first_name'] : '');
        $row['phone'] = $phone;
        $row['email'] = self::emailKey($email);
        $row['data'] = array_merge($known, self::snapshot($cart), [
            'first_name' => self::cut(trim(strip_tags($name)), 100),
            'country' => $country ? (string) Country::getIsoById($country) : '',
            'region' => $address ? self::region($address) : '',
            'zone' => isset($given['zone']) && 1 === preg_match('/\A[A-Za-z0-9_+\/-]{3,64}\z/', $given['zone']) ? $given['zone'] : (isset($known['zone']) ? $known['zone'] : ''),
            'language' => self::language($context->language),
            'customer' => $context->customer && $context->customer->id && !$context->customer->is_guest ? (int) $context->customer->id : 0,
            'link' => $context->link->getModuleLink('cartback', 'restore', [], true, (int) $context->language->id, (int) $cart->id_shop),
            'started_at' => isset($known['started_at']) ? $known['started_at'] : CartbackStore::nowMs(),
            'consent' => self::consented($row) && $known['consent']['version'] === $version ? $known['consent'] : [
                'sms' => true,
                'at' => CartbackStore::nowMs(),
                'text' => $wording,
                'version' => $version,
                'url' => (string) $context->link->getPageLink('order', true),
                'language' => self::language($context->language),
                'ip' => (string) Tools::getRemoteAddr(),
                'agent' => isset($_SERVER['HTTP_USER_AGENT']) ? self::cut(strip_tags((string) $_SERVER['HTTP_USER_AGENT']), 300) : '',
            ],
        ]);
        if ([$row['phone'], $row['email'], $row['data']] !== $before) {
            CartbackStore::saveCart($row);
            CartbackStore::queue('checkout.updated', (string) $row['id_cart']);
        }
    }

    /** The e-mail address stays, here only, so that an erasure still finds the row. */
    private static function withdraw(array $row)
    {
        $row['phone'] = '';
        $row['data'] = array_merge($row['data'], ['first_name' => '', 'region' => '', 'zone' => '', 'customer' => 0], [
            'consent' => array_merge($row['data']['consent'], ['sms' => false, 'at' => CartbackStore::nowMs(), 'ip' => '', 'agent' => '']),
        ]);
        CartbackStore::saveCart($row);
        CartbackStore::queue('checkout.updated', (string) $row['id_cart']);
    }

    /** Reads every cart that changed in this request, once; only of visitors whose tick we hold. */
    public static function refreshChanged()
    {
        foreach (self::$changed as $id => $cart) {
            $row = CartbackStore::cart($id);
            if (!$row || $row['bought_at'] || !self::consented($row)) {
                continue;
            }
            if (!$cart->nbProducts()) {
                CartbackStore::saveCart($row);
                CartbackStore::queue('checkout.deleted', (string) $id);
                continue;
            }
            $now = array_merge($row['data'], self::snapshot($cart));
            $address = self::address($cart);
            if ($address) {
                $phones = self::phones($address);
                $row['phone'] = $phones ? $phones[0] : $row['phone'];
                $now['country'] = (string) Country::getIsoById((int) $address->id_country);
                $now['region'] = self::region($address);
            }
            // Compared as it is kept: a number read back from the database is the same number.
            if (json_encode($now) !== json_encode($row['data']) || CartbackStore::cart($id)['phone'] !== $row['phone']) {
                $row['data'] = $now;
                CartbackStore::saveCart($row);
                CartbackStore::queue('checkout.updated', (string) $id);
            }
        }
        self::$changed = [];
    }

    public static function bought($id)
    {
        $row = CartbackStore::cart($id);
        if ($row && !$row['bought_at']) {
            $row['bought_at'] = CartbackStore::nowMs();
            CartbackStore::keepCart($row);
        }
    }

    /** `lines` to build it again here, `items` for people to read. */
    public static function snapshot($cart)
    {
        $currency = new Currency((int) $cart->id_currency);
        $lines = [];
        $items = [];
        foreach (array_slice($cart->getProducts(), 0, self::LINES_MAX) as $line) {
            $price = self::amount($line['price_wt'], $currency);
            $lines[] = [
                'product' => (int) $line['id_product'],
                'attribute' => (int) $line['id_product_attribute'],
                'custom' => !empty($line['id_customization']),
                'quantity' => (int) $line['cart_quantity'],
                'price' => $price,
            ];
            $chosen = isset($line['attributes_small']) ? trim((string) $line['attributes_small']) : '';
            $items[] = [
                'title' => trim(strip_tags((string) $line['name'])) . ('' !== $chosen ? ', ' . strip_tags($chosen) : ''),
                'quantity' => (int) $line['cart_quantity'],
                'price' => $price,
            ];
        }

        return ['lines' => $lines, 'items' => $items, 'total' => self::amount($cart->getOrderTotal(true, Cart::BOTH), $currency), 'currency' => (string) $currency->iso_code];
    }

    /* ------------------------------------------------------------ the body's data */

    public static function deleted(array $row)
    {
        return ['token' => (string) $row['id_cart'], 'deleted_at' => self::rfc3339($row['changed_at'])];
    }

    public static function updated(array $row)
    {
        $known = $row['data'];
        $known += ['first_name' => '', 'region' => '', 'zone' => '', 'country' => '', 'language' => '', 'currency' => '', 'total' => '', 'items' => [], 'customer' => 0, 'link' => '', 'started_at' => $row['changed_at']];
        $expires = intdiv($row['changed_at'], 1000) + CartbackStore::DAYS_KEPT * 86400;
        $person = !self::consented($row) ? [] : [
            'phone' => $row['phone'],
            'email' => $row['email'],
            'customer_id' => $known['customer'] ? (string) $known['customer'] : null,
            'first_name' => $known['first_name'],
            'region' => $known['region'],
            'time_zone' => $known['zone'],
        ];
        $link = (string) $known['link'];

        return $person + [
            'token' => (string) $row['id_cart'],
            'country' => $known['country'],
            'language' => $known['language'],
            'currency' => $known['currency'],
            'total' => $known['total'],
            'items' => $known['items'],
            'recovery_url' => '' === $link ? null : $link . (false === strpos($link, '?') ? '?' : '&') . 'cartback_restore=' . CartbackToken::restore($row['id_cart'], $expires),
            'consent' => self::consent($row),
            'started_at' => self::rfc3339((int) $known['started_at']),
            'updated_at' => self::rfc3339($row['changed_at']),
        ];
    }

    /** A tick taken back names the number it was for, but only if Cartback may have heard that number. */
    private static function consent(array $row)
    {
        if (!isset($row['data']['consent']) || !is_array($row['data']['consent'])) {
            return null;
        }
        $consent = $row['data']['consent'];
        $told = isset($row['data']['told_phone']) ? $row['data']['told_phone'] : '';
        $state = ['state' => 'granted'];
        if (!$consent['sms']) {
            $state = '' !== $told ? ['state' => 'withdrawn', 'phone' => $told] : ['state' => 'not_given'];
        }
        unset($consent['sms']);
        $consent['at'] = self::rfc3339((int) $consent['at']);

        return $state + $consent + ['source' => 'cartback-prestashop', 'level' => 'single_opt_in'];
    }

    /* ------------------------------------------------------------ words and numbers */

    private static function address($cart)
    {
        $id = (int) ($cart->id_address_delivery ? $cart->id_address_delivery : $cart->id_address_invoice);
        $address = $id > 0 ? new Address($id) : null;

        return $address && $address->id ? $address : null;
    }

    /** Most trusted first: a mobile can be texted. */
    public static function phones($address)
    {
        $phones = array_map([__CLASS__, 'cleanPhone'], [(string) $address->phone_mobile, (string) $address->phone]);

        return array_values(array_unique(array_filter($phones, 'strlen')));
    }

    /** `CA`, also where PrestaShop writes `US-CA`; '' for what is no ISO 3166-2. */
    private static function region($address)
    {
        $state = $address->id_state ? new State((int) $address->id_state) : null;
        $code = $state && $state->iso_code ? strtoupper((string) $state->iso_code) : '';
        $code = (string) preg_replace('/\A[A-Z]{2}-/', '', $code);

        return 1 === preg_match('/\A[A-Z0-9]{1,3}\z/', $code) ? $code : '';
    }

    public static function language($language)
    {
        $tag = !empty($language->locale) ? $language->locale : (!empty($language->iso_code) ? $language->iso_code : '');

        return str_replace('_', '-', (string) $tag);
    }

    /** What a number may be written with. Whether it is one, Cartback decides. */
    public static function cleanPhone($phone)
    {
        $phone = trim((string) preg_replace('/[^0-9+()\-.\/ ]/', '', $phone));

        return strlen($phone) <= 32 && preg_match_all('/[0-9]/', $phone) >= 6 ? $phone : '';
    }

    /** The first characters of it, whole ones; '' for what is no UTF-8. */
    public static function cut($text, $charsMax)
    {
        return 1 === preg_match('/\A.{0,' . (int) $charsMax . '}/us', (string) $text, $part) ? $part[0] : '';
    }

    public static function emailKey($email)
    {
        return Validate::isEmail($email) && strlen($email) <= 191 ? strtolower($email) : '';
    }

    /** PrestaShop reckons in floats of six digits: rounded once, here, to what the currency has. */
    public static function amount($value, $currency)
    {
        $digits = isset($currency->precision) && null !== $currency->precision ? (int) $currency->precision : 2;

        return number_format(round((float) $value, $digits), $digits, '.', '');
    }

    public static function rfc3339($ms)
    {
        return gmdate('Y-m-d\TH:i:s', intdiv($ms, 1000)) . sprintf('.%03dZ', $ms % 1000);
    }
}
