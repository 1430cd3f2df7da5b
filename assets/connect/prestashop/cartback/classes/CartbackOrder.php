<?php
/**
 * An order as Cartback is told of it, of everybody: what was bought must stop the texts, whoever bought it and however. An
 * order that was placed counts as bought also while its bank transfer is awaited; one whose payment failed does not.
 */
if (!defined('_PS_VERSION_')) {
    exit;
}

final class CartbackOrder
{
    /** `order.upserted`; null when the order is not there any more. */
    public static function data($id, $changedAt)
    {
        $order = new Order((int) $id);
        if (!$order->id) {
            return null;
        }
        $currency = new Currency((int) $order->id_currency);
        $customer = new Customer((int) $order->id_customer);
        $kept = CartbackStore::order((int) $id) + ['recovery' => '', 'channel' => 'web'];
        $cart = CartbackStore::cart((int) $order->id_cart);
        $phones = [];
        $country = '';
        foreach (array_unique([(int) $order->id_address_delivery, (int) $order->id_address_invoice]) as $idAddress) {
            $address = new Address($idAddress);
            if (!$address->id) {
                continue;
            }
            $iso = (string) Country::getIsoById((int) $address->id_country);
            $country = '' !== $country ? $country : $iso;
            foreach (CartbackCart::phones($address) as $phone) {
                $phones[] = ['number' => $phone, 'country' => $iso];
            }
        }
        $status = self::status($order);
        list($refunded, $refundedAt) = self::refunded($order, $status);
        $codes = [];
        $discounts = [];
        foreach ($order->getCartRules() as $used) {
            $rule = new CartRule((int) $used['id_cart_rule']);
            if ($rule->id && '' !== (string) $rule->code) {
                $codes[] = (string) $rule->code;
                $discounts[] = ['code' => (string) $rule->code, 'amount' => CartbackCart::amount($used['value'], $currency)];
            }
        }

        return [
            'id' => (string) $order->id,
            'number' => (string) $order->reference,
            'customer_id' => $customer->id && !$customer->is_guest ? (string) $customer->id : null,
            'email' => (string) $customer->email,
            'phones' => $phones,
            'phone_country' => $country,
            'checkout_token' => (string) $order->id_cart,
            // The cart that a restore link brought back into this one.
            'cart_token' => $cart && !empty($cart['data']['from']) ? (string) $cart['data']['from'] : null,
            'recovery_tokens' => '' !== $kept['recovery'] ? [$kept['recovery']] : [],
            'codes' => $codes,
            'discounts' => $discounts,
            'currency' => (string) $currency->iso_code,
            'total' => CartbackCart::amount($order->total_paid_tax_incl, $currency),
            'status' => $status,
            'payment_method' => (string) $order->payment,
            'placed_at' => self::time($order->date_add),
            'cancelled_at' => 'cancelled' === $status ? CartbackCart::rfc3339($changedAt) : null,
            'refunded' => $refunded > 0 ? CartbackCart::amount($refunded, $currency) : null,
            'refunded_at' => $refunded > 0 ? $refundedAt : null,
            'updated_at' => CartbackCart::rfc3339($changedAt),
            'channel' => $kept['channel'],
        ];
    }

    private static function status($order)
    {
        $state = (int) $order->current_state;
        if ($state === (int) Configuration::get('PS_OS_CANCELED')) {
            return 'cancelled';
        }
        if ($state === (int) Configuration::get('PS_OS_REFUND')) {
            return 'refunded';
        }
        if ($state === (int) Configuration::get('PS_OS_ERROR')) {
            return 'failed';
        }
        $known = new OrderState($state);

        return $known->id && $known->paid ? 'paid' : 'placed';
    }

    /**
     * What went back so far in all, by the credit slips: one sum, because a shop may also set the state Refunded by hand
     * and write the slip later.
     */
    private static function refunded($order, $status)
    {
        $sum = 0.0;
        $last = null;
        foreach (OrderSlip::getOrdersSlip((int) $order->id_customer, (int) $order->id) as $slip) {
            $amount = (float) $slip['amount'];
            $products = (float) $slip['total_products_tax_incl'];
            // Type 2 is a sum chosen by hand, but also any slip that gives postage back.
            $chosen = 2 === (int) $slip['order_slip_type'] && abs($amount - $products) > 0.005 && abs($amount - (float) $slip['total_products_tax_excl']) > 0.005;
            $sum += ($chosen ? $amount : $products) + (float) $slip['total_shipping_tax_incl'];
            $last = null === $last || $slip['date_add'] > $last ? $slip['date_add'] : $last;
        }
        $total = (float) $order->total_paid_tax_incl;
        if ('refunded' === $status && 0.0 === $sum) {
            return [$total, self::time($order->date_upd)];
        }

        return [min($sum, $total), null === $last ? null : self::time($last)];
    }

    /** PrestaShop keeps the shop's own time, in the zone it has set for PHP. */
    private static function time($written)
    {
        $seconds = strtotime((string) $written);

        return $seconds > 0 ? gmdate('Y-m-d\TH:i:s\Z', $seconds) : null;
    }
}
