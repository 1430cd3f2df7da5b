<?php
/** Cartback's place, for `php -S`: answers with the number its path ends in, late when the path says so, and keeps what came. */
$path = (string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (false !== strpos($path, 'slow')) {
    sleep(3);
}
$headers = [];
foreach (['webhook-id', 'webhook-timestamp', 'webhook-signature', 'content-type'] as $name) {
    $headers[$name] = $_SERVER['HTTP_' . strtoupper(strtr($name, '-', '_'))] ?? $_SERVER[strtoupper(strtr($name, '-', '_'))] ?? '';
}
file_put_contents(getenv('CARTBACK_KEPT'), json_encode(['headers' => $headers, 'body' => file_get_contents('php://input')]) . "\n", FILE_APPEND);
$code = (int) substr($path, -3);
http_response_code($code ?: 200);
if (302 === $code) {
    header('Location: /hook/200');
}
