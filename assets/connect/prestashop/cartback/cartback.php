<?php
/**
 * Cartback for PrestaShop 1.7.6 to 9: tells your own Cartback about carts of people who asked to be reminded by SMS, about
 * every order, and brings carts back.
 *
 * What this module decides: whose cart is told (only of people who ticked the box), and what a restore link puts back
 * (only what the shop sells now, at today's price). What it never does: log anybody in, fill in a name or a number, change
 * a cart that is not the visitor's own, let a browser talk to Cartback, or wait for Cartback while a page is made: what
 * is to be told goes into a table, and is sent when the page has been delivered.
 *
 * PrestaShop's own link to a cart (`recover_cart`) logs its customer in, so that a forwarded text would hand over an
 * account. It is not used here.
 *
 * @license GPL-2.0-or-later
 */
if (!defined('_PS_VERSION_')) {
    exit;
}

require_once __DIR__ . '/classes/CartbackToken.php';
require_once __DIR__ . '/classes/CartbackStore.php';
require_once __DIR__ . '/classes/CartbackCart.php';
require_once __DIR__ . '/classes/CartbackOrder.php';
require_once __DIR__ . '/classes/CartbackSender.php';
require_once __DIR__ . '/classes/CartbackRestore.php';

class Cartback extends Module
{
    const HOOKS = [
        // What shoppers do.
        'actionCartSave', 'actionValidateOrder', 'actionPaymentConfirmation', 'actionOrderStatusPostUpdate', 'actionOrderSlipAdd',
        // The box, its script, and the mark our links carry.
        'actionFrontControllerSetMedia', 'displayBeforeCarrier', 'displayPaymentTop',
        // Privacy.
        'registerGDPRConsent', 'actionDeleteGDPRCustomer', 'actionExportGDPRData',
    ];

    public function __construct()
    {
        $this->name = 'cartback';
        $this->tab = 'advertising_marketing';
        $this->version = '1.0.0';
        $this->author = 'Cartback';
        $this->need_instance = 0;
        $this->bootstrap = true;
        $this->ps_versions_compliancy = ['min' => '1.7.6.0', 'max' => '9.99.99'];
        parent::__construct();
        $this->displayName = $this->l('Cartback');
        $this->description = $this->l('Reminds people by SMS of the cart they left behind, through your own Cartback.');
        $this->confirmUninstall = $this->l('Cartback will stop texting for this shop. Go on?');
    }

    public function install()
    {
        if (!parent::install() || !CartbackStore::install()) {
            return false;
        }
        foreach (self::HOOKS as $hook) {
            if (!$this->registerHook($hook)) {
                return false;
            }
        }
        CartbackToken::key();

        return true;
    }

    /** Cartback must stop texting for a shop that threw it out, so this one delivery does not wait in the queue. */
    public function uninstall()
    {
        try {
            if (CartbackSender::connected()) {
                CartbackSender::post('shop.uninstalled', CartbackToken::sign('message', 'uninstalled' . CartbackStore::nowMs()), [], CartbackStore::nowMs(), 5);
            }
            CartbackStore::uninstall();
            foreach (['URL', 'SECRET', 'WORDING', 'KEY', 'STATUS', 'STOPPED', 'SEEN'] as $name) {
                Configuration::deleteByName('CARTBACK_' . $name);
            }
        } catch (Throwable $problem) {
            self::note($problem);
        }

        return parent::uninstall();
    }

    /* ------------------------------------------------------------ what shoppers do */

    /** Called many times a page: only notes that there is something to read once the page is done. */
    public function hookActionCartSave($params)
    {
        $this->quietly(static function () use ($params) {
            $cart = isset($params['cart']) ? $params['cart'] : null;
            if ($cart && $cart->id && !defined('_PS_ADMIN_DIR_') && CartbackSender::connected()) {
                CartbackCart::$changed[(int) $cart->id] = $cart;
                self::atTheEnd();
            }
        });
    }

    public function hookActionValidateOrder($params)
    {
        $this->quietly(function () use ($params) {
            $order = $params['order'];
            $recovery = defined('_PS_ADMIN_DIR_') ? '' : CartbackRestore::mark($this->context);
            CartbackStore::keepOrder((int) $order->id, ['recovery' => $recovery, 'channel' => defined('_PS_ADMIN_DIR_') ? 'staff' : 'web']);
            CartbackCart::bought((int) $order->id_cart);
            $this->tellOrder((int) $order->id);
        });
    }

    public function hookActionPaymentConfirmation($params)
    {
        $this->orderChanged($params);
    }

    public function hookActionOrderStatusPostUpdate($params)
    {
        $this->orderChanged($params);
    }

    public function hookActionOrderSlipAdd($params)
    {
        $this->orderChanged($params);
    }

    private function orderChanged($params)
    {
        $this->quietly(function () use ($params) {
            $this->tellOrder(isset($params['order']) ? (int) $params['order']->id : (int) $params['id_order']);
        });
    }

    private function tellOrder($id)
    {
        if ($id > 0 && CartbackSender::connected()) {
            CartbackStore::queueOrder((int) $id);
            self::atTheEnd();
        }
    }

    /* ------------------------------------------------------------ the box */

    public function hookActionFrontControllerSetMedia($params)
    {
        $this->quietly(function () {
            CartbackRestore::remember($this->context, Tools::getValue('cartback'));
            if (!CartbackSender::connected()) {
                return;
            }
            $checkout = isset($this->context->controller->php_self) && 'order' === $this->context->controller->php_self;
            // A server that can finish a page before its work is done needs no help from the browser.
            if (!$checkout && CartbackSender::canFinishFirst()) {
                return;
            }
            Media::addJsDef(['cartbackSettings' => [
                'capture' => $checkout ? $this->context->link->getModuleLink('cartback', 'capture', [], true) : '',
                'send' => CartbackSender::canFinishFirst() ? '' : $this->context->link->getModuleLink('cartback', 'send', [], true),
                'token' => Tools::getToken(false),
                'wording' => CartbackCart::wording($this),
                'ticked' => $this->isTicked(),
            ]]);
            $this->context->controller->registerJavascript('module-cartback', 'modules/cartback/views/js/cartback.js', ['position' => 'bottom', 'priority' => 200]);
        });
    }

    public function hookDisplayBeforeCarrier($params)
    {
        return $this->box();
    }

    /** What needs no delivery has no step for it. */
    public function hookDisplayPaymentTop($params)
    {
        return $this->context->cart && $this->context->cart->id && $this->context->cart->isVirtualCart() ? $this->box() : '';
    }

    /** Never ticked beforehand; ticked only when this cart's box was. */
    private function box()
    {
        $box = '';
        $this->quietly(function () use (&$box) {
            if (CartbackSender::connected()) {
                $box = '<div class="cartback-consent"><label><input type="checkbox" class="cartback-box" value="1"'
                    . ($this->isTicked() ? ' checked' : '') . '> <span>'
                    . htmlspecialchars(CartbackCart::wording($this), ENT_QUOTES, 'UTF-8') . '</span></label></div>';
            }
        });

        return $box;
    }

    private function isTicked()
    {
        return $this->context->cart && $this->context->cart->id && CartbackCart::isTicked((int) $this->context->cart->id);
    }

    /** The words next to the box, until the shopkeeper writes others. */
    public function defaultWording()
    {
        return sprintf(
            $this->l('%s may remind me by SMS of the cart I leave behind, at the number given here, with automated texts and at most 2 per cart. Message and data rates may apply. Reply STOP to end. Consent is not a condition of purchase.'),
            (string) Configuration::get('PS_SHOP_NAME')
        );
    }

    /* ------------------------------------------------------------ privacy */

    /** Only being registered here matters: the official GDPR module then lists this one. Its consent is not one to SMS. */
    public function hookRegisterGDPRConsent($params)
    {
        return '';
    }

    /** Cartback is told to erase the person too; until it has answered, only what names them stays here. */
    public function hookActionDeleteGDPRCustomer($customer)
    {
        $person = self::person($customer);
        if (!$person) {
            return json_encode(true);
        }
        try {
            CartbackStore::erase($person, CartbackSender::connected());
            self::atTheEnd();

            return json_encode(true);
        } catch (Throwable $problem) {
            self::note($problem);

            return json_encode($this->l('Cartback: unable to delete this customer\'s data.'));
        }
    }

    public function hookActionExportGDPRData($customer)
    {
        $person = self::person($customer);
        $found = [];
        foreach (isset($person['email']) ? CartbackStore::cartsOf($person['email']) : [] as $row) {
            $found[] = ['cart' => $row['id_cart'], 'phone' => $row['phone'], 'email' => $row['email'], 'data' => json_encode($row['data'])];
        }

        return json_encode($found ? $found : $this->l('Cartback: no data of this customer.'));
    }

    /** The GDPR module hands over a customer, or an address or number alone, depending on its version. */
    private static function person($given)
    {
        $given = (array) $given;
        if (isset($given[0])) {
            $given = is_scalar($given[0]) ? [Validate::isEmail((string) $given[0]) ? 'email' : 'phone' => (string) $given[0]] : (array) $given[0];
        }
        $person = [];
        if (!empty($given['email']) && Validate::isEmail($given['email'])) {
            $person['email'] = CartbackCart::emailKey($given['email']);
        }
        if (!empty($given['phone']) && '' !== CartbackCart::cleanPhone((string) $given['phone'])) {
            $person['phone'] = CartbackCart::cleanPhone((string) $given['phone']);
        }
        $id = isset($given['id']) ? (int) $given['id'] : (isset($given['id_customer']) ? (int) $given['id_customer'] : 0);

        return $person && $id > 0 ? $person + ['customer_id' => (string) $id] : $person;
    }

    /* ------------------------------------------------------------ the shopkeeper's page */

    public function getContent()
    {
        $said = '';
        if (Tools::isSubmit('submitCartback')) {
            $said = $this->save();
        } elseif (Tools::isSubmit('submitCartbackTest')) {
            CartbackSender::post('test', CartbackToken::sign('message', 'test' . CartbackStore::nowMs()), [], CartbackStore::nowMs(), 10);
        }

        $status = '<div class="alert alert-info">' . htmlspecialchars(CartbackSender::statusLine($this), ENT_QUOTES, 'UTF-8') . '</div>';

        return $said . $status . $this->form();
    }

    /** Keeps what was right before when something typed is wrong, and says what. */
    private function save()
    {
        $said = '';
        $typed = trim((string) Tools::getValue('CARTBACK_URL'));
        $url = CartbackSender::cleanUrl($typed);
        if ('' === $url && '' !== $typed) {
            $said .= $this->displayError($this->l('The webhook URL must start with https:// (or http:// inside your own network).'));
        } else {
            Configuration::updateValue('CARTBACK_URL', $url);
        }
        $secret = trim((string) Tools::getValue('CARTBACK_SECRET'));
        if ('' !== $secret && '' === CartbackSender::secretBytes($secret)) {
            $said .= $this->displayError($this->l('The secret must be the one Cartback shows: whsec_ and then 32 or more characters.'));
        } elseif ('' !== $secret) {
            Configuration::updateValue('CARTBACK_SECRET', $secret);
        }
        Configuration::updateValue('CARTBACK_WORDING', CartbackCart::cut(trim(strip_tags((string) Tools::getValue('CARTBACK_WORDING'))), 1000));
        Configuration::deleteByName('CARTBACK_STOPPED');

        return '' === $said ? $this->displayConfirmation($this->l('Saved.')) : $said;
    }

    private function form()
    {
        $helper = new HelperForm();
        $helper->module = $this;
        $helper->name_controller = $this->name;
        $helper->token = Tools::getAdminTokenLite('AdminModules');
        $helper->currentIndex = AdminController::$currentIndex . '&configure=' . $this->name;
        $helper->submit_action = 'submitCartback';
        // The stored secret never leaves again: a blank field keeps it.
        $helper->fields_value = ['CARTBACK_URL' => CartbackSender::url(), 'CARTBACK_SECRET' => '', 'CARTBACK_WORDING' => (string) Configuration::get('CARTBACK_WORDING')];
        $cron = $this->context->link->getModuleLink('cartback', 'send', ['key' => CartbackToken::sign('send', 'cron')], true);

        return $helper->generateForm([['form' => [
            'legend' => ['title' => $this->l('Connection')],
            'description' => sprintf($this->l('What is to be told is sent after a page is delivered. On a quiet shop, let the system\'s cron call this address every minute: %s'), $cron),
            'input' => [
                ['type' => 'text', 'name' => 'CARTBACK_URL', 'label' => $this->l('Webhook URL'), 'desc' => $this->l('From your PrestaShop connection in Cartback.')],
                ['type' => 'password', 'name' => 'CARTBACK_SECRET', 'label' => $this->l('Signing secret'), 'desc' => $this->l('whsec_…, from the same page. Leave blank to keep the one that is set.')],
                ['type' => 'textarea', 'name' => 'CARTBACK_WORDING', 'label' => $this->l('Words next to the box'), 'desc' => $this->l('Must name your shop, SMS and cart reminders. Blank: ') . $this->defaultWording()],
            ],
            'submit' => ['title' => $this->l('Save')],
            'buttons' => [['type' => 'submit', 'name' => 'submitCartbackTest', 'title' => $this->l('Send a test to Cartback')]],
        ]]]);
    }

    /* ------------------------------------------------------------ never in the shop's way */

    /** A mistake of ours must not stop an order: it is noted, and the shop goes on. */
    private function quietly($act)
    {
        try {
            $act();
        } catch (Throwable $problem) {
            self::note($problem);
        }
    }

    public static function note($problem)
    {
        PrestaShopLogger::addLog('cartback: ' . get_class($problem) . ' in ' . basename($problem->getFile()) . ':' . $problem->getLine(), 3);
    }

    private static $waiting = false;

    private static function atTheEnd()
    {
        if (!self::$waiting) {
            self::$waiting = true;
            register_shutdown_function([__CLASS__, 'finish']);
        }
    }

    /** After the page: reads the carts that changed and, where the visitor has the page already, tells Cartback. */
    public static function finish()
    {
        self::$waiting = false;
        try {
            $first = CartbackSender::canFinishFirst();
            if ($first) {
                CartbackSender::finishPage();
            }
            CartbackCart::refreshChanged();
            if ($first) {
                CartbackSender::flush(10);
            }
        } catch (Throwable $problem) {
            self::note($problem);
        }
    }
}
