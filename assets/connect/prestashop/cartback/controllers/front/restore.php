<?php
/** `…/module/cartback/restore?cartback_restore=<token>`: builds the cart again and leads to the checkout. No login. */
if (!defined('_PS_VERSION_')) {
    exit;
}

class CartbackRestoreModuleFrontController extends ModuleFrontController
{
    public $ssl = true;

    public function postProcess()
    {
        header('Referrer-Policy: no-referrer');
        header('X-Robots-Tag: noindex, nofollow');
        header('Cache-Control: no-store');
        $to = $this->context->link->getPageLink('index', true);
        try {
            CartbackRestore::remember($this->context, Tools::getValue('cartback'));
            $said = CartbackRestore::open($this->context, Tools::getValue('cartback_restore'), Tools::getValue('discount'), time());
            if (null !== $said) {
                if ($said['gone'] > 0) {
                    $this->warning[] = $this->module->l('Some of your cart is no longer available.', 'restore');
                }
                if ($said['fewer']) {
                    $this->warning[] = $this->module->l('There is less left of some items than you had chosen.', 'restore');
                }
                if ($said['dearer']) {
                    $this->warning[] = $this->module->l('Some prices have changed since you were here.', 'restore');
                }
                $to = $said['empty'] ? $to : $this->context->link->getPageLink('order', true);
            }
        } catch (Throwable $problem) {
            Cartback::note($problem);
        }
        $tags = CartbackRestore::tags($_GET);
        $this->redirect_after = $to . ('' !== $tags ? (false === strpos($to, '?') ? '?' : '&') . $tags : '');
        // Keeps what is said for the next page.
        $this->redirectWithNotifications($this->redirect_after);
    }
}
