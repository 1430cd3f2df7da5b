<?php
/** Signatures of this installation's own links. The key is made here and leaves here never. */
if (!defined('_PS_VERSION_')) {
    exit;
}

final class CartbackToken
{
    public static function key()
    {
        $key = Configuration::getGlobalValue('CARTBACK_KEY');
        if (is_string($key) && 64 === strlen($key)) {
            return $key;
        }
        Configuration::updateGlobalValue('CARTBACK_KEY', bin2hex(random_bytes(32)));
        $key = Configuration::getGlobalValue('CARTBACK_KEY');

        // A database that keeps nothing must not leave us with an empty key: then nothing verifies until it does.
        return is_string($key) && 64 === strlen($key) ? $key : bin2hex(random_bytes(32));
    }

    /** 128 bits over purpose and value: a signature for one purpose is worthless for another. */
    public static function sign($purpose, $value)
    {
        return substr(hash_hmac('sha256', $purpose . '|' . $value, self::key()), 0, 32);
    }

    /** `<cart>.<last second>.<signature>` */
    public static function restore($idCart, $expires)
    {
        return $idCart . '.' . $expires . '.' . self::sign('restore', $idCart . '.' . $expires);
    }

    /** The cart inside a restore token of ours that still holds, or 0. */
    public static function readRestore($given, $now)
    {
        if (!is_string($given) || 1 !== preg_match('/\A([1-9][0-9]{0,9})\.([1-9][0-9]{9,10})\.([0-9a-f]{32})\z/', $given, $part)) {
            return 0;
        }

        return hash_equals(self::sign('restore', $part[1] . '.' . $part[2]), $part[3]) && (int) $part[2] >= $now ? (int) $part[1] : 0;
    }
}
