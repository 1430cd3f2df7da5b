<?php
/**
 * Works the queue off. Called by cron with its key, or, where PHP cannot go on after a page, by a visitor's browser once
 * the page is there; without the key no more than every 20 seconds, so that nobody keeps the shop busy with it.
 */
if (!defined('_PS_VERSION_')) {
    exit;
}

class CartbackSendModuleFrontController extends ModuleFrontController
{
    public $ssl = true;

    public function postProcess()
    {
        header('Content-Type: text/plain');
        header('Cache-Control: no-store');
        try {
            $key = Tools::getValue('key');
            $cron = is_string($key) && hash_equals(CartbackToken::sign('send', 'cron'), $key);
            if ($cron || (int) Configuration::getGlobalValue('CARTBACK_SEEN') <= time() - 20) {
                Configuration::updateGlobalValue('CARTBACK_SEEN', time());
                ignore_user_abort(true);
                $sent = CartbackSender::flush($cron ? 50 : 10);
                exit($cron ? $sent . " sent\n" : '');
            }
        } catch (Throwable $problem) {
            Cartback::note($problem);
        }
        exit;
    }
}
