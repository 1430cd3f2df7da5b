/**
 * Cartback for Medusa v2: tells your own Cartback about carts whose shopper was asked about texts, and about every order.
 *
 * What this file decides: whose cart is told, and how a cart and an order read in Cartback's event format (Standard
 * Webhooks). What it never does: tell anything personal of a shopper who did not tick the box, or make a request wait:
 * subscribers run after it. A cart says whether the box was ticked in its metadata, which the storefront writes:
 *
 *     sms_consent: true | false | "withdrawn", sms_consent_text: "the words next to the box"
 *
 * It needs CARTBACK_URL, CARTBACK_SECRET (whsec_…) and CARTBACK_STOREFRONT_URL in the environment.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import type { SubscriberArgs, SubscriberConfig } from "@medusajs/framework"

export type Settings = { url: string; key: Buffer; storefront: string }
export type Row = Record<string, any>
type Event = { type: string; at: string; data: Row }
type Container = { resolve: (name: string) => any }

const RESTORE_DAYS = 30
const DAY_SECONDS = 86400
/** In this process; what a restart loses is told again by the job beside this file. */
const RETRY_SECONDS = [5, 30, 300]
const TIMEOUT_MS = 10000

export const CART_FIELDS = [
  "id", "email", "customer_id", "customer.has_account", "currency_code", "locale", "metadata", "created_at", "updated_at", "completed_at",
  "region_id", "sales_channel_id", "total", "shipping_address.*", "billing_address.*",
  "items.id", "items.title", "items.product_title", "items.variant_title", "items.variant_id", "items.quantity", "items.unit_price",
]
export const ORDER_FIELDS = [
  "id", "display_id", "email", "customer_id", "customer.has_account", "currency_code", "status", "is_draft_order", "metadata", "created_at",
  "updated_at", "canceled_at", "total", "shipping_address.*", "billing_address.*", "cart.id", "cart.metadata", "promotions.code",
  "payment_collections.payments.provider_id", "payment_collections.payments.captured_at",
  "payment_collections.payments.refunds.id", "payment_collections.payments.refunds.amount",
  "payment_collections.payments.refunds.raw_amount", "payment_collections.payments.refunds.created_at",
]

const CART_EVENTS = ["cart.created", "cart.updated", "cart.customer_updated", "cart.region_updated", "cart.customer_transferred"]
const ORDER_EVENTS = ["order.placed", "order.updated", "order.canceled", "order.completed"]
const PAYMENT_EVENTS = ["payment.captured", "payment.refunded"]

export const config: SubscriberConfig = {
  event: [...CART_EVENTS, ...ORDER_EVENTS, ...PAYMENT_EVENTS, "customer.deleted"],
  context: { subscriberId: "cartback" },
}

export default async function cartback({ event, container }: SubscriberArgs<{ id: string }>): Promise<void> {
  const settings = read(process.env)
  if (!settings || !event.data?.id) return
  try {
    const told = await toTell(settings, event.name, event.data.id, container as Container)
    if (told) void deliver(settings, told, container as Container, 0)
  } catch (problem) {
    note(container as Container, `${event.name} could not be read: ${(problem as Error).name}`)
  }
}

async function toTell(settings: Settings, name: string, id: string, container: Container): Promise<Event | null> {
  const query = container.resolve("query")
  const one = async (entity: string, fields: string[], filters: Row): Promise<Row | undefined> =>
    (await query.graph({ entity, fields, filters })).data[0]
  if (CART_EVENTS.includes(name)) return cartEvent(settings, await one("cart", CART_FIELDS, { id }))
  if (ORDER_EVENTS.includes(name)) return orderEvent(await one("order", ORDER_FIELDS, { id }))
  if (PAYMENT_EVENTS.includes(name)) {
    const payment = await one("payment", ["payment_collection_id"], { id })
    const filters = { payment_collection_id: payment?.payment_collection_id }
    const link = payment && (await one("order_payment_collection", ["order_id"], filters))
    return link ? orderEvent(await one("order", ORDER_FIELDS, { id: link.order_id })) : null
  }
  const at = new Date().toISOString()
  return name === "customer.deleted" ? { type: "customer.redacted", at, data: { customer_id: id } } : null
}

/* ------------------------------------------------------------ a cart and an order, as Cartback is told */

/** Nothing for a cart whose shopper was never asked, or that was bought. */
export function cartEvent(settings: Settings, cart: Row | undefined): Event | null {
  const said = cart?.metadata?.sms_consent
  if (!cart || cart.completed_at || (said !== true && said !== false && said !== "withdrawn")) return null
  const address = cart.shipping_address ?? cart.billing_address ?? {}
  const at = time(cart.updated_at) ?? new Date().toISOString()
  const phones = numbers(cart)
  const person = said !== true ? {} : {
    email: cart.email ?? null,
    customer_id: cart.customer?.has_account ? cart.customer_id : null,
    phones,
    first_name: address.first_name ?? null,
    region: region(address.province),
  }
  // A tick taken back names the number it was for; of a box never ticked nothing is named.
  const state = said === true ? "granted" : said === "withdrawn" && phones[0] ? "withdrawn" : "not_given"
  const withdrawn = state === "withdrawn" ? { phone: phones[0].number, phone_country: phones[0].country } : {}
  return {
    type: "checkout.updated",
    at,
    data: {
      ...person,
      token: cart.id,
      cart_token: cart.metadata.cartback_from ?? null,
      country: country(address),
      language: cart.locale ?? cart.metadata.locale ?? null,
      currency: currency(cart),
      total: money(cart.total, cart.currency_code),
      items: (cart.items ?? []).map((item: Row) => ({
        title: [item.product_title ?? item.title, item.variant_title].filter(Boolean).join(", ") || "-",
        quantity: Number(item.quantity) || 1,
        price: money(item.unit_price, cart.currency_code),
      })),
      recovery_url: restoreUrl(settings, cart.id, Math.floor(Date.parse(at) / 1000) + RESTORE_DAYS * DAY_SECONDS),
      consent: {
        state,
        ...withdrawn,
        source: "medusa",
        level: "single_opt_in",
        text: text(cart.metadata.sms_consent_text),
        at: time(cart.metadata.sms_consent_at),
        url: settings.storefront,
      },
      started_at: time(cart.created_at),
      updated_at: at,
    },
  }
}

/** Every order, of everybody: what was bought must stop the texts. */
export function orderEvent(order: Row | undefined): Event | null {
  if (!order) return null
  const payments: Row[] = (order.payment_collections ?? []).flatMap((it: Row) => it?.payments ?? []).filter(Boolean)
  const refunds = payments.flatMap((payment) => payment.refunds ?? []).filter(Boolean)
  const moments = [order.updated_at, order.canceled_at, ...payments.map((it) => it.captured_at), ...refunds.map((it) => it.created_at)]
  const at = moments.map(time).filter((it): it is string => it !== null).sort().pop() ?? new Date().toISOString()
  const paid = payments.some((payment) => payment.captured_at)
  const draft = order.is_draft_order === true || order.status === "draft"
  const status = order.status === "canceled" ? "cancelled" : draft ? "draft" : paid ? "paid" : "placed"
  const metadata: Row = { ...order.cart?.metadata, ...order.metadata }
  return {
    type: "order.upserted",
    at,
    data: {
      id: order.id,
      number: order.display_id == null ? order.id : `#${order.display_id}`,
      customer_id: order.customer?.has_account ? order.customer_id : null,
      email: order.email ?? null,
      phones: numbers(order),
      checkout_token: order.cart?.id ?? null,
      // The cart that a restore link brought back into this one.
      cart_token: metadata.cartback_from ?? null,
      recovery_tokens: [metadata.cartback].filter((it) => typeof it === "string" && it !== ""),
      codes: (order.promotions ?? []).map((it: Row) => it?.code).filter((it: unknown) => typeof it === "string" && it !== ""),
      currency: currency(order),
      total: money(order.total, order.currency_code) ?? "0",
      status,
      payment_method: payments[0]?.provider_id ?? null,
      placed_at: draft ? null : time(order.created_at),
      cancelled_at: status === "cancelled" ? time(order.canceled_at) ?? at : null,
      refunds: refunds.map((it) => ({
        id: it.id,
        amount: money(it.raw_amount ?? it.amount, order.currency_code) ?? "0",
        at: time(it.created_at),
      })),
      updated_at: at,
    },
  }
}

/** Most trusted first: where it is sent to, then who pays. */
function numbers(of: Row): { number: string; country: string | null }[] {
  const found = [of.shipping_address, of.billing_address]
    .filter((it) => typeof it?.phone === "string" && it.phone.trim() !== "")
    .map((it: Row) => ({ number: it.phone.trim() as string, country: country(it) }))
  return found.filter((it, place) => found.findIndex((other) => other.number === it.number) === place)
}

const country = (address: Row): string | null => address.country_code?.toUpperCase() ?? null
const currency = (of: Row): string => String(of.currency_code).toUpperCase()
const text = (value: unknown): string | null => (typeof value === "string" ? value.slice(0, 2000) : null)

/** `CA`, also where the storefront writes `us-ca`. */
function region(province: unknown): string | null {
  const code = typeof province === "string" ? province.toUpperCase().replace(/^[A-Z]{2}-/, "") : ""
  return /^[A-Z0-9]{1,3}$/.test(code) ? code : null
}

function time(value: unknown): string | null {
  const at = value == null || value === "" ? NaN : new Date(value as string).getTime()
  return Number.isNaN(at) ? null : new Date(at).toISOString()
}

/** Medusa v2 reckons in major units; numbers, texts and its BigNumbers all become text with the currency's own digits. */
export function money(value: any, code: string): string | null {
  const given = value !== null && typeof value === "object" ? (value.value ?? value.numeric ?? value.toString()) : value
  const plain = typeof given === "number" && !Number.isInteger(given) ? given.toFixed(8) : String(given ?? "")
  const part = /^([0-9]+)(?:\.([0-9]+))?$/.exec(plain)
  if (!part) return null
  const digits = new Intl.NumberFormat("en", { style: "currency", currency: code.toUpperCase() }).resolvedOptions().maximumFractionDigits ?? 2
  const longer = (part[2] ?? "").padEnd(digits + 1, "0")
  const up = Number(longer[digits]) >= 5 ? BigInt(1) : BigInt(0)
  const minor = (BigInt(part[1] + longer.slice(0, digits)) + up).toString().padStart(digits + 1, "0")
  return digits === 0 ? minor : `${minor.slice(0, -digits)}.${minor.slice(-digits)}`
}

/* ------------------------------------------------------------ settings and signatures */

/** What the environment says; nothing when it says too little. */
export function read(env: Record<string, string | undefined>): Settings | null {
  const { CARTBACK_URL: url, CARTBACK_SECRET: secret, CARTBACK_STOREFRONT_URL: storefront } = env
  const key = Buffer.from(secret?.startsWith("whsec_") ? secret.slice(6) : "", "base64")
  if (!url || !storefront || key.length < 24 || key.length > 64) return null
  return { url, key, storefront: storefront.replace(/\/+$/, "") }
}

const mac = (key: Buffer, value: string): Buffer => createHmac("sha256", key).update(value).digest()

export function signed(settings: Settings, event: Event, seconds: number): { headers: Record<string, string>; body: string } {
  const body = JSON.stringify({ type: event.type, timestamp: event.at, data: event.data })
  // The same for every try of one state, another as soon as the state changes.
  const id = `msg_${createHash("sha256").update(body).digest("hex").slice(0, 32)}`
  const signature = mac(settings.key, `${id}.${seconds}.${body}`).toString("base64")
  return {
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(seconds),
      "webhook-signature": `v1,${signature}`,
    },
    body,
  }
}

/** 128 bits, for restore links alone: a signature of a webhook is worthless here. */
const stamp = (settings: Settings, value: string): string => mac(settings.key, `restore|${value}`).toString("hex").slice(0, 32)

export function restoreUrl(settings: Settings, cart: string, expires: number): string {
  return `${settings.storefront}/api/cartback?restore=${cart}.${expires}.${stamp(settings, `${cart}.${expires}`)}`
}

/** The cart inside a restore token of ours that still holds. */
export function readRestore(settings: Settings, token: unknown, seconds: number): string | null {
  const part = typeof token === "string" ? /^([A-Za-z0-9_-]{4,64})\.([1-9][0-9]{9,10})\.([0-9a-f]{32})$/.exec(token) : null
  if (!part || part[0] !== token) return null
  const holds = timingSafeEqual(Buffer.from(stamp(settings, `${part[1]}.${part[2]}`)), Buffer.from(part[3]))
  return holds && Number(part[2]) >= seconds ? part[1] : null
}

/* ------------------------------------------------------------ telling Cartback */

export async function post(settings: Settings, event: Event): Promise<number> {
  const { headers, body } = signed(settings, event, Math.floor(Date.now() / 1000))
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const answer = await fetch(settings.url, { method: "POST", headers, body, redirect: "manual", signal })
    return answer.status
  } catch {
    return 0
  }
}

async function deliver(settings: Settings, event: Event, container: Container, attempt: number): Promise<void> {
  const status = await post(settings, event)
  if (status >= 200 && status < 300) return
  const again = status === 0 || status === 408 || status === 429 || status >= 500
  if (again && attempt < RETRY_SECONDS.length) {
    setTimeout(() => void deliver(settings, event, container, attempt + 1), RETRY_SECONDS[attempt] * 1000).unref()
  } else {
    note(container, `${event.type} was not taken: ${status || "no answer"}`)
  }
}

function note(container: Container, what: string): void {
  container.resolve("logger").warn(`cartback: ${what}`)
}
