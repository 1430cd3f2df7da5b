<?php
/** The script on the checkout page posts here. Without the tick it sends no personal data, and none is taken. */
if (!defined('_PS_VERSION_')) {
    exit;
}

class CartbackCaptureModuleFrontController extends ModuleFrontController
{
    public $ssl = true;

    public function postProcess()
    {
        header('Content-Type: application/json');
        header('Cache-Control: no-store');
        try {
            if ('POST' !== $_SERVER['REQUEST_METHOD'] || !$this->isTokenValid()) {
                http_response_code(403);
                exit('{}');
            }
            $given = [];
            foreach (['phone', 'email', 'first_name', 'id_country', 'zone'] as $name) {
                $value = Tools::getValue($name);
                $given[$name] = is_string($value) ? CartbackCart::cut($value, 254) : '';
            }
            CartbackCart::capture($this->context, CartbackCart::wording($this->module), '1' === Tools::getValue('consent'), $given);
        } catch (Throwable $problem) {
            Cartback::note($problem);
        }
        echo '{}';
        Cartback::finish();
        exit;
    }
}
