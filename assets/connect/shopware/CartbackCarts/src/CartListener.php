<?php declare(strict_types=1);

namespace Cartback\Carts;

use Shopware\Core\Checkout\Cart\Cart;
use Shopware\Core\Checkout\Cart\Event\CartChangedEvent;
use Shopware\Core\Checkout\Cart\LineItem\LineItem;
use Shopware\Core\Checkout\Cart\Order\CartConvertedEvent;
use Shopware\Core\Framework\Uuid\Uuid;
use Shopware\Core\System\SalesChannel\SalesChannelContext;
use Shopware\Storefront\Page\Checkout\Confirm\CheckoutConfirmPageLoadedEvent;
use Symfony\Component\EventDispatcher\EventSubscriberInterface;
use Symfony\Component\HttpFoundation\RequestStack;
use Symfony\Component\HttpKernel\KernelEvents;
use Symfony\Component\Routing\Generator\UrlGeneratorInterface;
use Symfony\Component\Routing\RouterInterface;

/**
 * Tells of a cart when it changes and when its checkout is looked at, once the shopper is known; and writes the cart's
 * name on the order it becomes. The cart's own token is the shopper's session: only a seal of it leaves the shop.
 */
final class CartListener implements EventSubscriberInterface
{
    private const ITEMS_MOST = 20;

    /** @var array<string, array{data: array<string, mixed>, channel: string}> Told once the shopper was answered. */
    private array $waiting = [];

    public function __construct(
        private readonly Wire $wire,
        private readonly RouterInterface $router,
        private readonly RequestStack $requests,
    ) {
    }

    public static function getSubscribedEvents(): array
    {
        return [
            CartChangedEvent::class => 'changed',
            CheckoutConfirmPageLoadedEvent::class => 'looked',
            CartConvertedEvent::class => 'converted',
            KernelEvents::TERMINATE => 'tell',
        ];
    }

    public function changed(CartChangedEvent $event): void
    {
        $this->note($event->getCart(), $event->getContext());
    }

    public function looked(CheckoutConfirmPageLoadedEvent $event): void
    {
        $this->note($event->getPage()->getCart(), $event->getSalesChannelContext());
    }

    public function converted(CartConvertedEvent $event): void
    {
        $channel = $event->getSalesChannelContext()->getSalesChannelId();
        if (!$this->wire->isSetUp($channel)) {
            return;
        }
        $order = $event->getConvertedCart();
        $token = $this->wire->seal('cart', $event->getCart()->getToken(), $channel);
        $order['customFields'] = [...($order['customFields'] ?? []), 'cartback_token' => $token];
        $link = $this->link();
        if ($link !== null) {
            $order['customFields']['cartback_recovery'] = $link;
        }
        $event->setConvertedCart($order);
        unset($this->waiting[$token]);
    }

    public function tell(): void
    {
        $waiting = $this->waiting;
        $this->waiting = [];
        foreach ($waiting as $cart) {
            $this->wire->post('checkout.updated', $cart['data'], $cart['channel']);
        }
    }

    private function note(Cart $cart, SalesChannelContext $context): void
    {
        $channel = $context->getSalesChannelId();
        $customer = $context->getCustomer();
        $address = $customer?->getActiveBillingAddress() ?? $customer?->getDefaultBillingAddress();
        if ($customer === null || !$this->wire->isSetUp($channel)) {
            return;
        }
        $token = $this->wire->seal('cart', $cart->getToken(), $channel);
        $now = gmdate('Y-m-d\TH:i:s\Z');
        $data = [
            'token' => $token,
            // A guest has a customer of their own each time.
            'customer_id' => $customer->getGuest() ? null : $customer->getId(),
            'email' => $customer->getEmail(),
            'first_name' => $customer->getFirstName(),
            'phone' => $address?->getPhoneNumber(),
            'country' => $address?->getCountry()?->getIso(),
            'language' => $this->requests->getMainRequest()?->getLocale(),
            'currency' => $context->getCurrency()->getIsoCode(),
            'total' => (string) round($cart->getPrice()->getTotalPrice(), 3),
            'items' => $this->items($cart),
            'recovery_url' => $this->recoveryUrl($cart, $channel),
            'browser_ip' => $this->requests->getMainRequest()?->getClientIp(),
            'updated_at' => $now,
        ];
        $consent = ($customer->getCustomFields() ?? [])['cartback_sms_consent'] ?? null;
        if (is_bool($consent)) {
            $data['consent'] = ['sms' => $consent, 'source' => 'cartback-shopware'];
        }
        $this->waiting[$token] = ['data' => $data, 'channel' => $channel];
    }

    /** @return list<array{title: string, quantity: int, price: string|null}> */
    private function items(Cart $cart): array
    {
        $items = [];
        foreach ($cart->getLineItems() as $line) {
            $price = $line->getPrice()?->getUnitPrice();
            // A discount is no item, and its price is below nothing.
            if ($line->getType() === LineItem::PROMOTION_LINE_ITEM_TYPE || ($price ?? 0.0) < 0.0) {
                continue;
            }
            $items[] = [
                'title' => trim((string) $line->getLabel()) ?: 'Item',
                'quantity' => $line->getQuantity(),
                'price' => $price === null ? null : (string) round($price, 3),
            ];
        }
        return $items;
    }

    /** What is in the cart, sealed: the link shows nobody's address and signs nobody in. */
    private function recoveryUrl(Cart $cart, string $channel): ?string
    {
        $parts = [];
        foreach ($cart->getLineItems()->filterType(LineItem::PRODUCT_LINE_ITEM_TYPE) as $line) {
            $product = $line->getReferencedId();
            if ($product !== null && Uuid::isValid($product)) {
                $parts[] = $product . '-' . $line->getQuantity();
            }
        }
        $items = implode('.', array_slice($parts, 0, self::ITEMS_MOST));
        try {
            return $items === '' ? null : $this->router->generate(
                'frontend.cartback.restore',
                ['items' => $items, 'seal' => $this->wire->seal('items', $items, $channel)],
                UrlGeneratorInterface::ABSOLUTE_URL,
            );
        } catch (\Throwable) {
            // There is no storefront here.
            return null;
        }
    }

    /** What our link carried, once it was followed in this browser. */
    private function link(): ?string
    {
        $request = $this->requests->getMainRequest();
        if ($request === null || !$request->hasSession()) {
            return null;
        }
        $link = $request->getSession()->get('cartback');
        return is_string($link) ? $link : null;
    }
}
