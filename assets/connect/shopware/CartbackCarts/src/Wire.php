<?php declare(strict_types=1);

namespace Cartback\Carts;

use GuzzleHttp\Client;
use Psr\Log\LoggerInterface;
use Shopware\Core\System\SystemConfig\SystemConfigService;

/**
 * Signs and posts, as https://www.standardwebhooks.com says. It never makes a shopper wait or fail: what cannot be posted
 * within three seconds is noted in the log, and the next change of the cart tells the whole state again.
 */
final class Wire
{
    public function __construct(
        private readonly SystemConfigService $config,
        private readonly LoggerInterface $logger,
    ) {
    }

    /** Whether there is somebody to tell. */
    public function isSetUp(?string $salesChannel): bool
    {
        return $this->key($salesChannel) !== null && str_starts_with($this->address($salesChannel), 'https://');
    }

    /** @param array<string, mixed> $data */
    public function post(string $type, array $data, ?string $salesChannel): void
    {
        $key = $this->key($salesChannel);
        if ($key === null) {
            return;
        }
        try {
            $id = 'msg_' . bin2hex(random_bytes(16));
            $time = (string) time();
            $body = json_encode(
                ['type' => $type, 'timestamp' => gmdate('Y-m-d\TH:i:s\Z'), 'data' => $data],
                JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES,
            );
            (new Client(['timeout' => 3, 'connect_timeout' => 2, 'allow_redirects' => false]))->post(
                $this->address($salesChannel),
                ['body' => $body, 'headers' => [
                    'content-type' => 'application/json',
                    'webhook-id' => $id,
                    'webhook-timestamp' => $time,
                    'webhook-signature' => 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true)),
                ]],
            );
        } catch (\Throwable $problem) {
            // Its message may hold the address, which is not for logs.
            $this->logger->warning('Cartback was not told of a cart: ' . $problem::class);
        }
    }

    /** A name or proof that nobody can work out without the secret; empty without one. */
    public function seal(string $what, string $text, ?string $salesChannel): string
    {
        $key = $this->key($salesChannel);
        return $key === null ? '' : substr(hash_hmac('sha256', "$what:$text", $key), 0, 40);
    }

    private function address(?string $salesChannel): string
    {
        return trim((string) $this->config->get('CartbackCarts.config.address', $salesChannel));
    }

    private function key(?string $salesChannel): ?string
    {
        $secret = trim((string) $this->config->get('CartbackCarts.config.secret', $salesChannel));
        $key = str_starts_with($secret, 'whsec_') ? base64_decode(substr($secret, 6), true) : false;
        return is_string($key) && strlen($key) >= 24 ? $key : null;
    }
}
