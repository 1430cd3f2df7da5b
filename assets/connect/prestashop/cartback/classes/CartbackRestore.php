<?php
/**
 * Brings a cart back: puts what is missing into the visitor's own cart. Whoever opens the link stays who they are; the cart
 * it came from, its customer and addresses are not touched. Opening it twice changes nothing more.
 */
if (!defined('_PS_VERSION_')) {
    exit;
}

final class CartbackRestore
{
    /** Puts back what is still sold, at today's price, and answers what to say: what is gone, fewer or dearer. */
    public static function open($context, $token, $code, $now)
    {
        $row = CartbackStore::cart(CartbackToken::readRestore($token, $now));
        // Forged, too old, bought and erased look the same from outside.
        if (!$row || $row['bought_at'] || empty($row['data']['lines'])) {
            return null;
        }
        $cart = self::ownCart($context);
        if (!$cart) {
            return null;
        }
        $said = self::addMissing($context, $cart, $row['data']['lines']);
        if ((int) $cart->id !== $row['id_cart']) {
            $own = CartbackStore::cart((int) $cart->id);
            $own = $own ? $own : CartbackStore::blankCart((int) $cart->id);
            $own['data']['from'] = $row['id_cart'];
            CartbackStore::saveCart($own);
        }
        $said['coupon'] = $cart->nbProducts() > 0 && self::applyCode($context, $cart, $code);
        $said['empty'] = 0 === (int) $cart->nbProducts();

        return $said;
    }

    /** The visitor's cart, or a new one of theirs. */
    private static function ownCart($context)
    {
        if ($context->cart && $context->cart->id) {
            return $context->cart;
        }
        $cart = new Cart();
        $cart->id_shop = (int) $context->shop->id;
        $cart->id_shop_group = (int) $context->shop->id_shop_group;
        $cart->id_lang = (int) $context->language->id;
        $cart->id_currency = (int) $context->currency->id;
        $cart->id_guest = (int) $context->cookie->id_guest;
        // Of whoever is logged in here already; of nobody else, ever.
        $cart->id_customer = $context->customer && $context->customer->id ? (int) $context->customer->id : 0;
        if ($cart->id_customer) {
            $cart->secure_key = $context->customer->secure_key;
            $cart->id_address_delivery = (int) Address::getFirstCustomerAddressId($cart->id_customer);
            $cart->id_address_invoice = $cart->id_address_delivery;
        }
        if (!$cart->add()) {
            return null;
        }
        $context->cart = $cart;
        $context->cookie->id_cart = (int) $cart->id;
        $context->cookie->write();
        CartRule::autoAddToCart($context);

        return $cart;
    }

    private static function addMissing($context, $cart, array $lines)
    {
        $present = [];
        foreach ($cart->getProducts() as $line) {
            $present[(int) $line['id_product'] . ':' . (int) $line['id_product_attribute']] = true;
        }
        $said = ['gone' => 0, 'fewer' => false, 'dearer' => false];
        $added = [];
        foreach (array_slice($lines, 0, CartbackCart::LINES_MAX) as $line) {
            $name = $line['product'] . ':' . $line['attribute'];
            if (isset($present[$name])) {
                continue;
            }
            // What a visitor wrote onto a product (an engraving) cannot be told again: it is theirs to choose anew.
            $left = $line['custom'] ? 0 : self::left($context, $line);
            if ($left <= 0 || true !== $cart->updateQty($left, (int) $line['product'], $line['attribute'] ? (int) $line['attribute'] : null)) {
                ++$said['gone'];
                continue;
            }
            $said['fewer'] = $said['fewer'] || $left < $line['quantity'];
            $present[$name] = true;
            $added[$name] = $line['price'];
        }
        if ($added) {
            $currency = new Currency((int) $cart->id_currency);
            foreach ($cart->getProducts(true) as $line) {
                $name = (int) $line['id_product'] . ':' . (int) $line['id_product_attribute'];
                if (isset($added[$name]) && $added[$name] !== CartbackCart::amount($line['price_wt'], $currency)) {
                    $said['dearer'] = true;
                }
            }
        }

        return $said;
    }

    /** How many can be had now: what was wanted, or what is left of it. */
    private static function left($context, array $line)
    {
        $product = new Product((int) $line['product'], false, (int) $context->language->id, (int) $context->shop->id);
        if (!$product->id || !$product->active || !$product->available_for_order || Configuration::get('PS_CATALOG_MODE') || !$product->checkAccess($context->customer ? (int) $context->customer->id : 0)) {
            return 0;
        }
        // A combination that is gone is not the plain product.
        if ($line['attribute'] ? !in_array((int) $line['attribute'], array_map('intval', array_column($product->getAttributeCombinations((int) $context->language->id), 'id_product_attribute')), true) : $product->hasAttributes() > 0) {
            return 0;
        }
        if (!Configuration::get('PS_STOCK_MANAGEMENT') || Product::isAvailableWhenOutOfStock(StockAvailable::outOfStock((int) $line['product'], (int) $context->shop->id))) {
            return (int) $line['quantity'];
        }

        return min((int) $line['quantity'], (int) StockAvailable::getQuantityAvailableByProduct((int) $line['product'], (int) $line['attribute'], (int) $context->shop->id));
    }

    private static function applyCode($context, $cart, $code)
    {
        $code = is_string($code) ? trim($code) : '';
        if ('' === $code || strlen($code) > 100 || !CartRule::isFeatureActive()) {
            return false;
        }
        $id = (int) CartRule::getIdByCode($code);
        $rule = $id > 0 ? new CartRule($id, (int) $context->language->id) : null;
        // `checkValidity` answers nothing when all is well, and else what is wrong.
        return $rule && $rule->id && !$rule->checkValidity($context, false, true) && $cart->addCartRule($id);
    }

    /* ------------------------------------------------------------ which reminder it was */

    /** Our links end at `?cartback=<token>`; the order carries it back as the strongest evidence there is. */
    public static function remember($context, $given)
    {
        if (is_string($given) && 1 === preg_match('/\A[A-Za-z0-9_-]{8,64}\z/', $given)) {
            $context->cookie->cartback_recovery = $given;
        }
    }

    public static function mark($context)
    {
        $given = isset($context->cookie->cartback_recovery) ? (string) $context->cookie->cartback_recovery : '';

        return 1 === preg_match('/\A[A-Za-z0-9_-]{8,64}\z/', $given) ? $given : '';
    }

    /** The campaign tags and nothing else of the query, for the address to lead on to. */
    public static function tags(array $query)
    {
        $tags = [];
        foreach (['utm_source', 'utm_medium', 'utm_campaign', 'utm_term', 'utm_content', 'utm_id'] as $name) {
            if (isset($query[$name]) && is_string($query[$name])) {
                $tags[$name] = CartbackCart::cut(strip_tags($query[$name]), 200);
            }
        }

        return http_build_query($tags);
    }
}
