<?php declare(strict_types=1);

namespace Cartback\Carts;

use Shopware\Core\Checkout\Cart\LineItemFactoryRegistry;
use Shopware\Core\Checkout\Cart\SalesChannel\CartService;
use Shopware\Core\Checkout\Promotion\Cart\PromotionItemBuilder;
use Shopware\Core\System\SalesChannel\SalesChannelContext;
use Shopware\Storefront\Controller\StorefrontController;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\Routing\Attribute\Route;

/** Puts what a link lists into this browser's cart. What is in it already stays. */
#[Route(defaults: ['_routeScope' => ['storefront']])]
final class RestoreController extends StorefrontController
{
    public function __construct(
        private readonly Wire $wire,
        private readonly CartService $carts,
        private readonly LineItemFactoryRegistry $lines,
        private readonly PromotionItemBuilder $promotions,
    ) {
    }

    #[Route(path: '/cartback/restore', name: 'frontend.cartback.restore', methods: ['GET'])]
    public function restore(Request $request, SalesChannelContext $context): Response
    {
        $items = (string) $request->query->get('items', '');
        $seal = (string) $request->query->get('seal', '');
        $expected = $this->wire->seal('items', $items, $context->getSalesChannelId());
        if ($expected !== '' && hash_equals($expected, $seal)) {
            $this->fill($items, (string) $request->query->get('coupon', ''), $context);
        }
        $link = (string) $request->query->get('cartback', '');
        if ($link !== '' && strlen($link) <= 255) {
            $request->getSession()->set('cartback', $link);
        }
        return $this->redirectToRoute('frontend.checkout.cart.page');
    }

    private function fill(string $items, string $coupon, SalesChannelContext $context): void
    {
        $cart = $this->carts->getCart($context->getToken(), $context);
        foreach (explode('.', $items) as $item) {
            [$product, $quantity] = [...explode('-', $item, 2), '1'];
            // Following the link twice does not double anything.
            if ($cart->has($product)) {
                continue;
            }
            try {
                $line = ['id' => $product, 'referencedId' => $product, 'type' => 'product', 'quantity' => max(1, (int) $quantity)];
                $cart = $this->carts->add($cart, $this->lines->create($line, $context), $context);
            } catch (\Throwable) {
                // It is not sold any more: the rest still is.
            }
        }
        if ($coupon !== '' && strlen($coupon) <= 100) {
            $this->carts->add($cart, $this->promotions->buildPlaceholderItem($coupon), $context);
        }
    }
}
