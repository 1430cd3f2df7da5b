<?php declare(strict_types=1);

namespace Cartback\Carts;

use Shopware\Core\Framework\Plugin;

/** Tells Cartback of carts, and rebuilds one from a link. What it posts is described by generic.schema.json. */
final class CartbackCarts extends Plugin
{
}
