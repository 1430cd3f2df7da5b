/**
 * `POST /cartback/restore` with `{restore, cart_id?, code?, cartback?}`: puts what is missing of a cart into the visitor's
 * own cart, or into a new one, and answers `{cart_id, gone}`. Medusa's own workflow decides what is in stock and at which
 * price. Never hands out the cart the link was made for: whoever knows a cart's id can read its address. No login.
 */
import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"
import { addToCartWorkflow, createCartWorkflow, updateCartPromotionsWorkflow } from "@medusajs/medusa/core-flows"
import { CART_FIELDS, read, readRestore, type Row } from "../../../subscribers/cartback"

const LINES_MAX = 100

export async function POST(req: MedusaRequest, res: MedusaResponse): Promise<void> {
  res.setHeader("cache-control", "no-store")
  const settings = read(process.env)
  const given: Row = req.body ?? {}
  const id = settings && readRestore(settings, given.restore, Math.floor(Date.now() / 1000))
  const old = id ? await cart(req, id) : undefined
  // Forged, too old and bought look the same from outside.
  if (!old || old.completed_at) {
    res.status(404).json({ cart_id: null, gone: 0 })
    return
  }
  const own = await visitorsOwn(req, given.cart_id, old)
  const present = new Set((own.items ?? []).map((item: Row) => item.variant_id))
  let gone = 0
  for (const item of (old.items ?? []).slice(0, LINES_MAX) as Row[]) {
    if (own.id === old.id || present.has(item.variant_id)) continue
    const added = item.variant_id && (await tried(() => add(req, own, item)))
    gone += added ? 0 : 1
  }
  if (typeof given.code === "string" && /^\S{1,100}$/.test(given.code)) {
    const input = { cart_id: own.id, promo_codes: [given.code], action: "add" }
    await tried(() => updateCartPromotionsWorkflow(req.scope).run({ input } as never))
  }
  res.json({ cart_id: own.id, gone })
}

async function cart(req: MedusaRequest, id: string): Promise<Row | undefined> {
  return (await req.scope.resolve("query").graph({ entity: "cart", fields: CART_FIELDS, filters: { id } })).data[0]
}

/** The visitor's open cart, or a new one without anything personal; marked, so that its order is told with the first cart. */
async function visitorsOwn(req: MedusaRequest, id: unknown, old: Row): Promise<Row> {
  const known = typeof id === "string" && /^[A-Za-z0-9_-]{4,64}$/.test(id) ? await cart(req, id) : undefined
  const recovery = (req.body as Row).cartback
  const mark = {
    ...(known?.id === old.id ? {} : { cartback_from: old.id }),
    ...(typeof recovery === "string" && /^[A-Za-z0-9_-]{8,64}$/.test(recovery) ? { cartback: recovery } : {}),
  }
  if (known && !known.completed_at) {
    await req.scope.resolve("cart").updateCarts(known.id, { metadata: { ...known.metadata, ...mark } })
    return known
  }
  const { region_id, sales_channel_id, currency_code } = old
  const made = await createCartWorkflow(req.scope).run({ input: { region_id, sales_channel_id, currency_code, metadata: mark } })
  return { ...made.result, items: [] }
}

/** Named both ways: Medusa wanted the cart itself until 2.3, and its id since. */
async function add(req: MedusaRequest, own: Row, item: Row): Promise<void> {
  const items = [{ variant_id: item.variant_id, quantity: item.quantity }]
  await addToCartWorkflow(req.scope).run({ input: { cart_id: own.id, cart: own, items } } as never)
}

async function tried(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    return true
  } catch {
    return false
  }
}
