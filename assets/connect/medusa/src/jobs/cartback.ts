/**
 * Tells again what changed in the last two hours: what Cartback has heard it knows by the delivery's id, and what it missed
 * while it was away it hears now. After a longer outage, widen `HOURS` for one run.
 */
import { CART_FIELDS, ORDER_FIELDS, cartEvent, orderEvent, post, read } from "../subscribers/cartback"

const HOURS = 2
const PAGE = 50
const PAGES_MAX = 20

export const config = { name: "cartback-again", schedule: "*/10 * * * *" }

export default async function again(container: { resolve: (name: string) => any }): Promise<void> {
  const settings = read(process.env)
  if (!settings) return
  const query = container.resolve("query")
  const since = new Date(Date.now() - HOURS * 3600 * 1000)
  for (const [entity, fields] of [["order", ORDER_FIELDS], ["cart", CART_FIELDS]] as const) {
    for (let page = 0; page < PAGES_MAX; page++) {
      const { data } = await query.graph({
        entity,
        fields,
        filters: { updated_at: { $gte: since } },
        pagination: { skip: page * PAGE, take: PAGE, order: { updated_at: "ASC" } },
      })
      for (const row of data) {
        const event = entity === "order" ? orderEvent(row) : cartEvent(settings, row)
        // A Cartback that is away is left alone until the next run.
        if (event && [0, 429, 500, 502, 503, 504].includes(await post(settings, event))) return
      }
      if (data.length < PAGE) break
    }
  }
}
