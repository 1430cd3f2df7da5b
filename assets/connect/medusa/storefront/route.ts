/**
 * For a Next.js storefront (Medusa's starter): `src/app/api/cartback/route.ts`. Restore links lead here; it lets Medusa
 * build the cart, keeps its id in the storefront's cookie and leads on to the checkout. Another storefront does the same in
 * its own way. It needs MEDUSA_BACKEND_URL in the environment.
 */
const COOKIE = "_medusa_cart_id"
const COOKIE_DAYS = 7

export async function GET(request: Request): Promise<Response> {
  const asked = new URL(request.url).searchParams
  const own = new RegExp(`(?:^|; )${COOKIE}=([A-Za-z0-9_-]+)`).exec(request.headers.get("cookie") ?? "")?.[1]
  const body = JSON.stringify({
    restore: asked.get("restore"),
    code: asked.get("code") ?? undefined,
    cartback: asked.get("cartback") ?? undefined,
    cart_id: own,
  })
  const answer = await fetch(`${process.env.MEDUSA_BACKEND_URL}/cartback/restore`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body,
    cache: "no-store",
  }).catch(() => null)
  const id: unknown = answer?.ok ? (await answer.json()).cart_id : null
  const tags = new URLSearchParams([...asked].filter(([name]) => name.startsWith("utm_"))).toString()
  const to = (typeof id === "string" ? "/checkout?step=address" : "/") + (tags ? `${typeof id === "string" ? "&" : "?"}${tags}` : "")
  const headers = new Headers({ location: to, "referrer-policy": "no-referrer", "x-robots-tag": "noindex", "cache-control": "no-store" })
  if (typeof id === "string" && /^[A-Za-z0-9_-]+$/.test(id)) {
    headers.set("set-cookie", `${COOKIE}=${id}; Path=/; Max-Age=${COOKIE_DAYS * 86400}; HttpOnly; Secure; SameSite=Lax`)
  }
  return new Response(null, { status: 303, headers })
}
