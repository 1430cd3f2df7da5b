/**
 * Cartback for Vendure 2 and 3: tells your own Cartback about carts whose shopper was asked about texts, and about every
 * order; brings carts back by a mutation of the Shop API.
 *
 *     plugins: [CartbackPlugin.init({ url, secret, storefrontUrl }), …]
 *
 * What this file decides: whose cart is told, and how an order reads in Cartback's event format (Standard Webhooks). What it
 * never does: tell anything personal of a shopper who did not tick the box, log anybody in, or make a request wait: what is
 * to be told goes into Vendure's job queue, whose worker sends it and tries again for three days.
 *
 * In Vendure the cart is the order, with the same code. Whether the box was ticked stands in the order's custom fields
 * below, which need a migration; the storefront sets them with `setOrderCustomFields`.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { OnApplicationBootstrap } from '@nestjs/common';
import { Args, Mutation, Resolver } from '@nestjs/graphql';
import {
    ActiveOrderService, Allow, Ctx, CustomerEvent, EventBus, ID, JobQueue, JobQueueService, LanguageCode, Logger, OrderEvent,
    OrderLineEvent, OrderPlacedEvent, OrderService, OrderStateTransitionEvent, PaymentStateTransitionEvent, Permission,
    PluginCommonModule, RefundStateTransitionEvent, RequestContext, SerializedRequestContext, Transaction, VendurePlugin,
    isGraphQlErrorResult,
} from '@vendure/core';
import gql from 'graphql-tag';

export interface CartbackOptions {
    /** The webhook URL of your Vendure connection in Cartback. */
    url: string;
    /** whsec_…, from the same page. */
    secret: string;
    /** The storefront's page that takes `?restore=…` and calls the mutation `cartbackRestore`. */
    storefrontUrl: string;
}

export type Settings = { url: string; key: Buffer; storefront: string };
type Row = Record<string, any>;
type Event = { type: string; at: string; data: Row };
type JobData = { ctx: SerializedRequestContext; orderId?: ID; customer?: Row };

const RESTORE_DAYS = 30;
const LINES_MAX = 100;
const TIMEOUT_MS = 10_000;
/** The queue waits this long after a failure, and gives up after about three days of them. */
const PAUSE_MS = 20_000;
const RETRIES = (3 * 24 * 3600 * 1000) / PAUSE_MS;
const RELATIONS = [
    'customer', 'customer.user', 'lines', 'lines.productVariant', 'payments', 'payments.refunds', 'channels', 'shippingLines', 'surcharges',
];
/** While an order is still a cart. */
const OPEN = ['AddingItems', 'ArrangingPayment'];

/* ------------------------------------------------------------ a cart and an order, as Cartback is told */

/** An order as it is now; nothing while staff draft it, or for a cart whose shopper was never asked. */
export function eventOf(settings: Settings, order: Row, language: string): Event | null {
    if (order.orderPlacedAt) return placed(order);
    if (order.state === 'Cancelled') {
        const at = moment(order);
        return { type: 'checkout.deleted', at, data: { token: order.code, deleted_at: at } };
    }
    return OPEN.includes(order.state) ? cart(settings, order, language) : null;
}

function cart(settings: Settings, order: Row, language: string): Event | null {
    const fields: Row = order.customFields ?? {};
    if (typeof fields.cartbackConsent !== 'boolean') return null;
    const at = moment(order);
    if ((order.lines ?? []).every((line: Row) => line.quantity === 0)) {
        return { type: 'checkout.deleted', at, data: { token: order.code, deleted_at: at } };
    }
    const address = filled(order.shippingAddress) ?? filled(order.billingAddress) ?? {};
    const phones = numbers(order);
    const ticked = fields.cartbackConsent === true;
    const person = !ticked ? {} : {
        email: order.customer?.emailAddress ?? null,
        customer_id: account(order),
        phones,
        first_name: order.customer?.firstName ?? null,
        region: region(address.province),
    };
    // A tick taken back (its time stands there already) names the number it was for; a box never ticked names nothing.
    const state = ticked ? 'granted' : fields.cartbackConsentAt && phones[0] ? 'withdrawn' : 'not_given';
    const withdrawn = state === 'withdrawn' ? { phone: phones[0].number, phone_country: phones[0].country } : {};
    return {
        type: 'checkout.updated',
        at,
        data: {
            ...person,
            token: order.code,
            cart_token: fields.cartbackFrom || null,
            country: country(address),
            language,
            currency: order.currencyCode,
            total: money(order.totalWithTax, order.currencyCode),
            items: (order.lines ?? []).filter((line: Row) => line.quantity > 0).map((line: Row) => ({
                title: line.productVariant?.name || line.productVariant?.sku || '-',
                quantity: line.quantity,
                price: money(line.proratedUnitPriceWithTax ?? line.unitPriceWithTax, order.currencyCode),
            })),
            recovery_url: restoreUrl(settings, order.code, Math.floor(Date.parse(at) / 1000) + RESTORE_DAYS * 86400),
            consent: {
                state,
                ...withdrawn,
                source: 'vendure',
                level: 'single_opt_in',
                text: fields.cartbackConsentText || null,
                at: time(fields.cartbackConsentAt),
                url: settings.storefront,
            },
            started_at: time(order.createdAt),
            updated_at: at,
        },
    };
}

/** Every order, of everybody: what was bought must stop the texts. */
function placed(order: Row): Event {
    const at = moment(order);
    const payments: Row[] = order.payments ?? [];
    const refunds = payments.flatMap(payment => payment.refunds ?? []).filter((refund: Row) => refund.state === 'Settled');
    const settled = payments.filter(payment => payment.state === 'Settled').reduce((sum, payment) => sum + payment.amount, 0);
    const status = order.state === 'Cancelled' ? 'cancelled' : settled > 0 && settled >= order.totalWithTax ? 'paid' : 'placed';
    const fields: Row = order.customFields ?? {};
    return {
        type: 'order.upserted',
        at,
        data: {
            id: String(order.id),
            number: order.code,
            customer_id: account(order),
            email: order.customer?.emailAddress ?? null,
            phones: numbers(order),
            checkout_token: order.code,
            // The cart that a restore link brought back into this one.
            cart_token: fields.cartbackFrom || null,
            recovery_tokens: fields.cartbackRecovery ? [fields.cartbackRecovery] : [],
            codes: order.couponCodes ?? [],
            currency: order.currencyCode,
            total: money(order.totalWithTax, order.currencyCode) ?? '0',
            status,
            payment_method: payments[0]?.method ?? null,
            placed_at: time(order.orderPlacedAt),
            cancelled_at: status === 'cancelled' ? at : null,
            refunds: refunds.map((refund: Row) => ({
                id: String(refund.id),
                amount: money(refund.total, order.currencyCode) ?? '0',
                at: time(refund.updatedAt),
            })),
            updated_at: at,
        },
    };
}

/** When this state began: an order's own time does not move when only a payment or a refund does. */
function moment(order: Row): string {
    const payments: Row[] = order.payments ?? [];
    const all = [order, ...(order.lines ?? []), ...payments, ...payments.flatMap(payment => payment.refunds ?? [])];
    return all.map(it => time(it.updatedAt)).filter((it): it is string => it !== null).sort().pop() ?? new Date().toISOString();
}

/** Guests are customers without a user: they are not joined by it. */
const account = (order: Row): string | null => (order.customer?.user ? String(order.customer.id) : null);

/** Most trusted first: where it is sent to, who pays, then what the customer once said. */
function numbers(order: Row): Array<{ number: string; country: string | null }> {
    const addresses = [order.shippingAddress, order.billingAddress].filter(it => it?.phoneNumber?.trim());
    const found = addresses.map((it: Row) => ({ number: it.phoneNumber.trim() as string, country: country(it) }));
    const own = order.customer?.phoneNumber?.trim();
    if (own) found.push({ number: own, country: country(filled(order.shippingAddress) ?? filled(order.billingAddress) ?? {}) });
    return found.filter((it, place) => found.findIndex(other => other.number === it.number) === place);
}

const filled = (address: Row | undefined): Row | undefined => (address?.countryCode || address?.phoneNumber ? address : undefined);
const country = (address: Row): string | null => address.countryCode?.toUpperCase() || null;

/** `CA`, also where the storefront writes `us-ca`. */
function region(province: unknown): string | null {
    const code = typeof province === 'string' ? province.toUpperCase().replace(/^[A-Z]{2}-/, '') : '';
    return /^[A-Z0-9]{1,3}$/.test(code) ? code : null;
}

function time(value: unknown): string | null {
    const at = value == null || value === '' ? NaN : new Date(value as string).getTime();
    return Number.isNaN(at) ? null : new Date(at).toISOString();
}

/** Vendure keeps whole minor units: two digits for every currency, whatever the currency itself has. */
export function money(minor: unknown, code: string): string | null {
    if (!Number.isSafeInteger(minor) || (minor as number) < 0) return null;
    const digits = new Intl.NumberFormat('en', { style: 'currency', currency: code }).resolvedOptions().maximumFractionDigits ?? 2;
    const text = String(minor).padStart(3, '0');
    const [major, rest] = [text.slice(0, -2), text.slice(-2)];
    if (digits >= 2) return `${major}.${rest.padEnd(digits, '0')}`;
    // Yen have no digits: Vendure keeps 1234 yen as 123400.
    return (BigInt(major) + (Number(rest) >= 50 ? BigInt(1) : BigInt(0))).toString();
}

/* ------------------------------------------------------------ settings and signatures */

/** Throws at start: a shop that believes it is connected and is not would lose what it should have told. */
export function read(options: CartbackOptions): Settings {
    const key = Buffer.from(options.secret.startsWith('whsec_') ? options.secret.slice(6) : '', 'base64');
    if (key.length < 24 || key.length > 64) throw new Error('cartback: secret must be whsec_ and then 24 to 64 bytes in base64');
    if (!options.url || !options.storefrontUrl) throw new Error('cartback: url and storefrontUrl are required');
    return { url: options.url, key, storefront: options.storefrontUrl };
}

const mac = (key: Buffer, value: string): Buffer => createHmac('sha256', key).update(value).digest();

export function signed(settings: Settings, event: Event, seconds: number): { headers: Record<string, string>; body: string } {
    const body = JSON.stringify({ type: event.type, timestamp: event.at, data: event.data });
    // The same for every try of one state, another as soon as the state changes.
    const id = `msg_${createHash('sha256').update(body).digest('hex').slice(0, 32)}`;
    const signature = mac(settings.key, `${id}.${seconds}.${body}`).toString('base64');
    return {
        headers: {
            'content-type': 'application/json',
            'webhook-id': id,
            'webhook-timestamp': String(seconds),
            'webhook-signature': `v1,${signature}`,
        },
        body,
    };
}

/** 128 bits, for restore links alone: a signature of a webhook is worthless here. */
const stamp = (settings: Settings, value: string): string => mac(settings.key, `restore|${value}`).toString('hex').slice(0, 32);

export function restoreUrl(settings: Settings, code: string, expires: number): string {
    const url = new URL(settings.storefront);
    url.searchParams.set('restore', `${code}.${expires}.${stamp(settings, `${code}.${expires}`)}`);
    return url.toString();
}

/** The order's code inside a restore token of ours that still holds. */
export function readRestore(settings: Settings, token: unknown, seconds: number): string | null {
    const part = typeof token === 'string' ? /^([A-Za-z0-9_-]{1,64})\.([1-9][0-9]{9,10})\.([0-9a-f]{32})$/.exec(token) : null;
    if (!part || part[0] !== token) return null;
    const holds = timingSafeEqual(Buffer.from(stamp(settings, `${part[1]}.${part[2]}`)), Buffer.from(part[3]));
    return holds && Number(part[2]) >= seconds ? part[1] : null;
}

/** True when Cartback took it or never will; false to try again. */
export async function post(settings: Settings, event: Event): Promise<boolean> {
    const { headers, body } = signed(settings, event, Math.floor(Date.now() / 1000));
    let status = 0;
    try {
        const signal = AbortSignal.timeout(TIMEOUT_MS);
        status = (await fetch(settings.url, { method: 'POST', headers, body, redirect: 'manual', signal })).status;
    } catch {
        // No answer is an answer as well: later.
    }
    if (status >= 200 && status < 300) return true;
    Logger.warn(`${event.type} was not taken: ${status || 'no answer'}`, 'Cartback');
    // 401 is a secret that somebody will mend; what else Cartback refuses, it would refuse again.
    return ![0, 401, 408, 429].includes(status) && status < 500;
}

/* ------------------------------------------------------------ bringing a cart back */

/**
 * Puts what is missing into the visitor's own active order. Vendure itself decides what is in stock and at which price. The
 * order the link was made for, its customer and its addresses are neither touched nor shown. No login.
 */
@Resolver()
export class CartbackResolver {
    constructor(private orders: OrderService, private active: ActiveOrderService) {}

    @Transaction()
    @Mutation()
    @Allow(Permission.Owner)
    async cartbackRestore(@Ctx() ctx: RequestContext, @Args() args: { restore: string; code?: string; cartback?: string }) {
        const code = readRestore(CartbackPlugin.settings, args.restore, Math.floor(Date.now() / 1000));
        const old: Row | undefined = code ? await this.orders.findOneByCode(ctx, code, ['lines', 'lines.productVariant']) : undefined;
        // Forged, too old and bought look the same from outside.
        if (!old || old.orderPlacedAt || !OPEN.includes(old.state)) return { found: false, gone: 0 };
        const own: Row | undefined = await this.active.getActiveOrder(ctx, undefined, true);
        if (!own) return { found: false, gone: 0 };
        let gone = 0;
        if (own.code !== old.code) {
            const present = new Set((own.lines ?? []).map(variant));
            for (const line of old.lines.slice(0, LINES_MAX) as Row[]) {
                if (present.has(variant(line)) || line.quantity === 0) continue;
                gone += (await this.add(ctx, own.id, line)) ? 0 : 1;
            }
        }
        const recovery = /^[A-Za-z0-9_-]{8,64}$/.test(args.cartback ?? '') ? { cartbackRecovery: args.cartback } : {};
        const from = own.code === old.code ? {} : { cartbackFrom: old.code };
        await this.orders.updateCustomFields(ctx, own.id, { ...recovery, ...from });
        if (args.code && /^\S{1,100}$/.test(args.code)) await this.orders.applyCouponCode(ctx, own.id, args.code);
        return { found: true, gone };
    }

    private async add(ctx: RequestContext, orderId: ID, line: Row): Promise<boolean> {
        // A variant that is switched off or deleted throws.
        try {
            return !isGraphQlErrorResult(await this.orders.addItemToOrder(ctx, orderId, variant(line), line.quantity));
        } catch {
            return false;
        }
    }
}

const variant = (line: Row): ID => line.productVariantId ?? line.productVariant?.id;

/* ------------------------------------------------------------ the plugin */

const label = (value: string) => [{ languageCode: LanguageCode.en, value }];

@VendurePlugin({
    imports: [PluginCommonModule],
    compatibility: '>=2.0.0 <4.0.0',
    shopApiExtensions: {
        schema: gql`
            type CartbackRestored {
                found: Boolean!
                gone: Int!
            }
            extend type Mutation {
                cartbackRestore(restore: String!, code: String, cartback: String): CartbackRestored!
            }
        `,
        resolvers: [CartbackResolver],
    },
    configuration: config => {
        config.customFields.Order.push(
            { name: 'cartbackConsent', type: 'boolean', nullable: true, label: label('Ticked the box for texts') },
            { name: 'cartbackConsentText', type: 'text', nullable: true, label: label('Words next to the box') },
            { name: 'cartbackConsentAt', type: 'datetime', nullable: true, label: label('When it was ticked') },
            { name: 'cartbackRecovery', type: 'string', nullable: true, internal: true },
            { name: 'cartbackFrom', type: 'string', nullable: true, internal: true },
        );
        return config;
    },
})
export class CartbackPlugin implements OnApplicationBootstrap {
    static settings: Settings;
    private queue!: JobQueue<JobData>;

    constructor(private events: EventBus, private queues: JobQueueService, private orders: OrderService) {}

    static init(options: CartbackOptions) {
        CartbackPlugin.settings = read(options);
        return CartbackPlugin;
    }

    async onApplicationBootstrap(): Promise<void> {
        this.queue = await this.queues.createQueue({ name: 'cartback', process: job => this.tell(job.data) });
        for (const kind of [
            OrderEvent, OrderLineEvent, OrderPlacedEvent, OrderStateTransitionEvent, PaymentStateTransitionEvent, RefundStateTransitionEvent,
        ]) {
            this.events.ofType(kind as typeof OrderEvent).subscribe(event => this.add({ ctx: event.ctx.serialize(), orderId: event.order.id }));
        }
        this.events.ofType(CustomerEvent).subscribe(event => {
            const { id, emailAddress, phoneNumber } = event.entity;
            const customer = { customer_id: String(id), email: emailAddress, phone: phoneNumber || null };
            if (event.type === 'deleted') this.add({ ctx: event.ctx.serialize(), customer });
        });
    }

    private add(data: JobData): void {
        this.queue.add(data, { retries: RETRIES }).catch(problem => Logger.error(String(problem), 'Cartback'));
    }

    /** In the worker: the order as it is by now, so that a late job tells nothing old. */
    private async tell(data: JobData): Promise<void> {
        const ctx = RequestContext.deserialize(data.ctx);
        const settings = CartbackPlugin.settings;
        const order = data.orderId ? await this.orders.findOne(ctx, data.orderId, RELATIONS) : undefined;
        const redacted = { type: 'customer.redacted', at: new Date().toISOString(), data: data.customer ?? {} };
        const event = data.customer ? redacted : order ? eventOf(settings, order, ctx.languageCode) : null;
        if (event && !(await post(settings, event))) {
            await new Promise(resolve => setTimeout(resolve, PAUSE_MS));
            throw new Error('Cartback did not take it; it is tried again');
        }
    }
}
