<?php
/** Tells Cartback: one signed POST (Standard Webhooks: `id.timestamp.body`, HMAC-SHA256) for each entry of the queue. */
if (!defined('_PS_VERSION_')) {
    exit;
}

final class CartbackSender
{
    public static function url()
    {
        return (string) Configuration::get('CARTBACK_URL');
    }

    /** Cartback has an address and a key here, and has not told us to stop. */
    public static function connected()
    {
        return '' !== self::url() && '' !== self::secretBytes((string) Configuration::get('CARTBACK_SECRET')) && !Configuration::get('CARTBACK_STOPPED');
    }

    /** The signing key inside `whsec_…`: 24 to 64 bytes, or '' for anything else. */
    public static function secretBytes($secret)
    {
        if (0 !== strpos($secret, 'whsec_')) {
            return '';
        }
        $bytes = base64_decode(substr($secret, 6), true);

        return false !== $bytes && strlen($bytes) >= 24 && strlen($bytes) <= 64 ? $bytes : '';
    }

    /** A URL Cartback may live at: https anywhere, plain http only inside the own network. '' for anything else. */
    public static function cleanUrl($url)
    {
        $parts = parse_url($url);
        if (!is_array($parts) || empty($parts['host']) || empty($parts['scheme']) || isset($parts['user']) || isset($parts['pass']) || preg_match('/[\s"<>\x00-\x1f]/', $url)) {
            return '';
        }
        $scheme = strtolower($parts['scheme']);

        return 'https' === $scheme || ('http' === $scheme && self::isOwnNetwork($parts['host'])) ? $url : '';
    }

    private static function isOwnNetwork($host)
    {
        $host = trim($host, '[]');
        if (filter_var($host, FILTER_VALIDATE_IP)) {
            return !filter_var($host, FILTER_VALIDATE_IP, FILTER_FLAG_NO_PRIV_RANGE | FILTER_FLAG_NO_RES_RANGE);
        }

        return false === strpos($host, '.') || 1 === preg_match('/\.(local|lan|internal|test|localhost|home\.arpa)$/i', $host);
    }

    /** Whether PHP can hand the page over and go on working: PHP-FPM and LiteSpeed can, Apache's own module cannot. */
    public static function canFinishFirst()
    {
        return function_exists('fastcgi_finish_request') || function_exists('litespeed_finish_request');
    }

    public static function finishPage()
    {
        function_exists('fastcgi_finish_request') ? fastcgi_finish_request() : litespeed_finish_request();
    }

    /** Works the queue off, for this long at most. The first that fails ends it: a Cartback that is away is left alone. */
    public static function flush($secondsMax)
    {
        if (!self::connected() || !CartbackStore::lock()) {
            return 0;
        }
        $until = microtime(true) + $secondsMax;
        $sent = 0;
        try {
            if (0 === random_int(0, 199)) {
                CartbackStore::prune();
            }
            while (microtime(true) < $until && ($job = CartbackStore::due())) {
                if (!self::deliver($job)) {
                    break;
                }
                ++$sent;
            }
        } finally {
            CartbackStore::unlock();
        }

        return $sent;
    }

    private static function deliver(array $job)
    {
        $data = self::data($job);
        if (null === $data) {
            CartbackStore::told($job);

            return true;
        }
        $id = CartbackToken::sign('message', $job['kind'] . '|' . $job['subject'] . '|' . hash('sha256', (string) json_encode($data)));
        $code = self::post($job['kind'], $id, $data, (int) $job['changed_at'], 10);
        if ($code >= 200 && $code < 300) {
            CartbackStore::told($job);

            return true;
        }
        if (410 === $code) {
            Configuration::updateValue('CARTBACK_STOPPED', time());

            return false;
        }
        CartbackStore::later($job);

        return false;
    }

    /** What there is to tell now; null when there is nothing (any more). */
    private static function data(array $job)
    {
        if ('order.upserted' === $job['kind']) {
            return CartbackOrder::data((int) $job['subject'], (int) $job['changed_at']);
        }
        if ('customer.redacted' === $job['kind']) {
            return json_decode((string) $job['data'], true);
        }
        $row = CartbackStore::cart((int) $job['subject']);
        if (!$row) {
            return null;
        }
        if ('checkout.deleted' === $job['kind']) {
            return CartbackCart::deleted($row);
        }
        if (CartbackCart::consented($row) && (!isset($row['data']['told_phone']) || $row['data']['told_phone'] !== $row['phone'])) {
            // Noted before it leaves: a tick taken back while this is under way must know the number it takes back.
            $row['data']['told_phone'] = $row['phone'];
            CartbackStore::keepCart($row);
        }

        return CartbackCart::updated($row);
    }

    /**
     * Follows no redirect.
     *
     * @return int the HTTP status, or 0 when there was no answer
     */
    public static function post($kind, $id, array $data, $atMs, $secondsMax)
    {
        $key = self::secretBytes((string) Configuration::get('CARTBACK_SECRET'));
        $url = self::url();
        if ('' === $url || '' === $key) {
            return 0;
        }
        $id = 'msg_' . $id;
        $body = json_encode(['type' => $kind, 'timestamp' => CartbackCart::rfc3339($atMs), 'data' => (object) $data], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE);
        $time = (string) time();
        $headers = [
            'content-type: application/json',
            'webhook-id: ' . $id,
            'webhook-timestamp: ' . $time,
            'webhook-signature: v1,' . base64_encode(hash_hmac('sha256', $id . '.' . $time . '.' . $body, $key, true)),
        ];
        $code = function_exists('curl_init') ? self::byCurl($url, $headers, $body, $secondsMax) : self::byStream($url, $headers, $body, $secondsMax);
        // For the settings page: that it failed and how, never what was in it.
        Configuration::updateValue('CARTBACK_STATUS', json_encode(['code' => $code, 'at' => time()]));

        return $code;
    }

    private static function byCurl($url, array $headers, $body, $secondsMax)
    {
        $call = curl_init($url);
        curl_setopt_array($call, [
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => $body,
            CURLOPT_HTTPHEADER => array_merge($headers, ['expect:']),
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
            CURLOPT_CONNECTTIMEOUT => 3,
            CURLOPT_TIMEOUT => $secondsMax,
            CURLOPT_NOSIGNAL => true,
        ]);
        $answer = curl_exec($call);
        $code = false === $answer ? 0 : (int) curl_getinfo($call, CURLINFO_HTTP_CODE);
        unset($call);

        return $code;
    }

    private static function byStream($url, array $headers, $body, $secondsMax)
    {
        $context = stream_context_create(['http' => [
            'method' => 'POST', 'header' => implode("\r\n", $headers), 'content' => $body, 'timeout' => $secondsMax,
            'follow_location' => 0, 'ignore_errors' => true, 'protocol_version' => 1.1,
        ]]);
        $stream = @fopen($url, 'rb', false, $context);
        if (false === $stream) {
            return 0;
        }
        $said = stream_get_meta_data($stream);
        fclose($stream);
        $first = isset($said['wrapper_data'][0]) ? (string) $said['wrapper_data'][0] : '';

        return 1 === preg_match('~\AHTTP/\S+ ([0-9]{3})~', $first, $part) ? (int) $part[1] : 0;
    }

    public static function statusLine($module)
    {
        if (Configuration::get('CARTBACK_STOPPED')) {
            return $module->l('Cartback answered that this connection is gone. Nothing is sent until you save these settings again.');
        }
        if (!self::connected()) {
            return $module->l('Not connected yet: the box is not shown and nothing is sent.');
        }
        $status = json_decode((string) Configuration::get('CARTBACK_STATUS'), true);
        if (!is_array($status)) {
            return $module->l('Ready. Nothing has been sent yet.');
        }
        $when = gmdate('Y-m-d H:i', (int) $status['at']) . ' UTC';
        $code = (int) $status['code'];
        if ($code >= 200 && $code < 300) {
            return sprintf($module->l('Connected. Last delivery: %s.'), $when);
        }
        if (401 === $code) {
            return sprintf($module->l('Cartback refused the signature (%s): is the secret the same on both sides, and the clock right?'), $when);
        }

        return sprintf($module->l('The last delivery failed (%1$s, %2$s) and is tried again by itself.'), $code > 0 ? 'HTTP ' . $code : $module->l('no answer'), $when);
    }
}
