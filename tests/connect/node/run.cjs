/**
 * Tests of the Medusa and Vendure files: `node tests/connect/node/run.cjs`. With `emit medusa` or `emit vendure` it prints,
 * one a line, deliveries they make as JSON, so that another program can check that it understands them. It needs
 * TypeScript (`npm install --prefix target/tools --no-save typescript`) and says so, with exit code 3, where it is missing.
 */
'use strict'
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const fs = require('node:fs')
const http = require('node:http')
const Module = require('node:module')
const path = require('node:path')

const project = path.resolve(__dirname, '../../..')
const assets = path.join(project, 'assets/connect')
const SECRET = 'whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA='
const FILES = [
  'medusa/src/subscribers/cartback.ts', 'medusa/src/jobs/cartback.ts', 'medusa/src/api/cartback/restore/route.ts',
  'medusa/storefront/route.ts', 'vendure/cartback-plugin.ts',
].map(file => path.join(assets, file))

const ts = (() => {
  try {
    return require(require.resolve('typescript', { paths: [path.join(project, 'target/tools'), process.cwd()] }))
  } catch {
    console.error('skipped: TypeScript is not installed (npm install --prefix target/tools --no-save typescript)')
    process.exit(3)
  }
})()

/* ------------------------------------------------------------ the platforms, as far as our files touch them */

const world = { workflows: [], inStock: () => true, log: [] }
const nothing = () => () => {}
class Named {}
const events = {}
for (const name of ['OrderEvent', 'OrderLineEvent', 'OrderPlacedEvent', 'OrderStateTransitionEvent', 'PaymentStateTransitionEvent', 'RefundStateTransitionEvent', 'CustomerEvent']) {
  events[name] = { [name]: class {} }[name]
}
const workflow = name => () => ({
  run: async ({ input }) => {
    world.workflows.push([name, input])
    if (name === 'add' && !world.inStock(input.items[0].variant_id)) throw new Error('not in stock')
    if (name === 'promotions' && input.promo_codes[0] === 'OLD') throw new Error('no such code')
    return { result: { id: 'cart_new' } }
  },
})
const stubs = {
  '@medusajs/medusa/core-flows': { addToCartWorkflow: workflow('add'), createCartWorkflow: workflow('create'), updateCartPromotionsWorkflow: workflow('promotions') },
  '@nestjs/common': {},
  '@nestjs/graphql': { Resolver: nothing, Mutation: nothing, Args: nothing },
  'graphql-tag': { __esModule: true, default: text => ({ text: text.join('') }) },
  '@vendure/core': {
    ...events, PluginCommonModule: Named, EventBus: Named, JobQueueService: Named, OrderService: Named, ActiveOrderService: Named,
    LanguageCode: { en: 'en' }, Permission: { Owner: 'Owner' }, Allow: nothing, Transaction: nothing, Ctx: nothing,
    VendurePlugin: given => kind => { kind.metadata = given },
    RequestContext: { deserialize: given => ({ languageCode: given.languageCode }) },
    Logger: { warn: text => world.log.push(text), error: text => world.log.push(text) },
    isGraphQlErrorResult: given => 'errorCode' in given,
  },
}
const load = Module._load
Module._load = (name, ...more) => stubs[name] ?? load(name, ...more)
const compilerOptions = {
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, moduleResolution: ts.ModuleResolutionKind.Node10, esModuleInterop: true,
  experimentalDecorators: true, emitDecoratorMetadata: false, strict: true, useDefineForClassFields: false,
}
Module._extensions['.ts'] = (module, file) => module._compile(ts.transpileModule(fs.readFileSync(file, 'utf8'), { compilerOptions }).outputText, file)

const medusa = require(FILES[0])
const again = require(FILES[1])
const route = require(FILES[2])
const storefront = require(FILES[3])
const vendure = require(FILES[4])

/* ------------------------------------------------------------ what there is to tell */

const ENV = { CARTBACK_URL: 'https://hooks.example.com/h', CARTBACK_SECRET: SECRET, CARTBACK_STOREFRONT_URL: 'https://shop.example.com/' }
const settings = medusa.read(ENV)
const ofVendure = vendure.read({ url: ENV.CARTBACK_URL, secret: SECRET, storefrontUrl: 'https://shop.example.com/cartback' })

const medusaCart = more => ({
  id: 'cart_01', email: 'ida@example.com', customer_id: 'cus_1', customer: { has_account: true }, currency_code: 'eur', region_id: 'reg_1', sales_channel_id: 'sc_1',
  metadata: { sms_consent: true, sms_consent_text: 'Text me', sms_consent_at: '2026-03-01T09:00:00Z' },
  created_at: new Date('2026-03-01T08:00:00Z'), updated_at: '2026-03-01T09:00:05.123Z', completed_at: null, total: 650.5,
  shipping_address: { phone: ' 0151 23456789 ', country_code: 'de', first_name: 'Ida', province: 'de-by' }, billing_address: { phone: '030 1234567', country_code: 'de' },
  items: [
    { id: 'i1', product_title: 'Oak chair', variant_title: 'Natural', variant_id: 'v1', quantity: 2, unit_price: 120 },
    { id: 'i2', title: 'Ash table', variant_id: 'v2', quantity: 1, unit_price: { value: '410.50', precision: 20 } },
  ],
  ...more,
})
const medusaOrder = more => ({
  id: 'order_01', display_id: 17, email: 'ida@example.com', customer_id: 'cus_1', customer: { has_account: false }, currency_code: 'eur', status: 'pending',
  is_draft_order: false, created_at: '2026-03-01T10:00:00Z', updated_at: '2026-03-01T10:00:00Z', canceled_at: null, total: 650.5,
  shipping_address: { phone: '0151 23456789', country_code: 'de' }, billing_address: null, cart: { id: 'cart_01', metadata: { cartback: 'AbC_123-xyz' } },
  metadata: null, promotions: [{ code: 'OAK10' }, null], payment_collections: [{ payments: [{ provider_id: 'pp_stripe_stripe', captured_at: null, refunds: [] }] }], ...more,
})
const paid = refunds => [{ payments: [{ provider_id: 'pp_stripe_stripe', captured_at: '2026-03-01T10:05:00Z', refunds }] }]
const medusaRefund = { id: 'ref_1', amount: 20, raw_amount: { value: '20.25', precision: 20 }, created_at: '2026-03-04T09:00:00Z' }

const vendureOrder = more => ({
  id: 12, code: 'T3D8RPZZA24FRDBH', state: 'ArrangingPayment', active: true, orderPlacedAt: null, createdAt: new Date('2026-03-01T08:00:00Z'),
  updatedAt: new Date('2026-03-01T09:00:05.123Z'), currencyCode: 'EUR', totalWithTax: 65050, couponCodes: [],
  customer: { id: 5, emailAddress: 'ida@example.com', firstName: 'Ida', phoneNumber: '030 1234567', user: null },
  shippingAddress: { phoneNumber: '0151 23456789', countryCode: 'DE', province: 'Bavaria' }, billingAddress: {},
  customFields: { cartbackConsent: true, cartbackConsentText: 'Text me', cartbackConsentAt: new Date('2026-03-01T09:00:00Z'), cartbackRecovery: null, cartbackFrom: null },
  lines: [
    { quantity: 2, proratedUnitPriceWithTax: 12000, productVariant: { id: 1, name: 'Oak chair' }, updatedAt: new Date('2026-03-01T08:30:00Z') },
    { quantity: 1, unitPriceWithTax: 41050, productVariant: { id: 2, name: 'Ash table' } },
  ],
  payments: [], ...more,
})
const bought = more => vendureOrder({
  state: 'PaymentSettled', active: false, orderPlacedAt: new Date('2026-03-01T10:00:00Z'), updatedAt: new Date('2026-03-01T10:00:01Z'), couponCodes: ['OAK10'],
  payments: [{ state: 'Settled', amount: 65050, method: 'stripe', refunds: [], updatedAt: new Date('2026-03-01T10:00:02Z') }], ...more,
})
const vendureRefund = { id: 3, state: 'Settled', total: 2025, updatedAt: new Date('2026-03-04T09:00:00Z') }

const story = {
  medusa: () => [
    medusa.cartEvent(settings, medusaCart()),
    medusa.cartEvent(settings, medusaCart({ metadata: { sms_consent: 'withdrawn' }, updated_at: '2026-03-01T09:30:00Z' })),
    medusa.orderEvent(medusaOrder()),
    medusa.orderEvent(medusaOrder({ payment_collections: paid([]) })),
    medusa.orderEvent(medusaOrder({ payment_collections: paid([medusaRefund]) })),
    medusa.orderEvent(medusaOrder({ status: 'canceled', canceled_at: '2026-03-05T09:00:00Z' })),
    { type: 'customer.redacted', at: '2026-03-06T09:00:00Z', data: { customer_id: 'cus_1' } },
  ].map(event => medusa.signed(settings, event, 1772359200)),
  vendure: () => [
    vendureOrder(),
    vendureOrder({ customFields: { ...vendureOrder().customFields, cartbackConsent: false }, updatedAt: new Date('2026-03-01T09:30:00Z') }),
    bought({ state: 'PaymentAuthorized', payments: [] }),
    bought(),
    bought({ payments: [{ ...bought().payments[0], refunds: [vendureRefund, { id: 4, state: 'Pending', total: 1 }] }] }),
    bought({ state: 'Cancelled', updatedAt: new Date('2026-03-05T09:00:00Z') }),
  ].map(order => vendure.signed(ofVendure, vendure.eventOf(ofVendure, order, 'de'), 1772359200)),
}

/* ------------------------------------------------------------ helpers of the tests */

function forged(good) {
  const all = ['', '0', undefined, null, {}, [good], `${good}0`, good.slice(0, -1), ` ${good}`, `${good}\n`, good.toUpperCase() === good ? `${good}x` : good.toUpperCase()]
  for (let place = 0; place < good.length; place++) {
    for (let bit = 0; bit < 7; bit++) {
      const bytes = Buffer.from(good)
      bytes[place] ^= 1 << bit
      all.push(bytes.toString('latin1'))
    }
  }
  return all
}

function holds({ headers, body }) {
  const mac = crypto.createHmac('sha256', Buffer.from(SECRET.slice(6), 'base64'))
  return headers['webhook-signature'] === `v1,${mac.update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`).digest('base64')}`
}

/** Cartback's place: answers with what it is told to, and keeps what came. */
async function receiver(answers) {
  const came = []
  const server = http.createServer((request, answer) => {
    let body = ''
    request.on('data', part => { body += part })
    request.on('end', () => {
      came.push({ headers: request.headers, body })
      answer.writeHead(answers.shift() ?? 200, { location: '/elsewhere' }).end()
    })
  })
  await new Promise(done => server.listen(0, '127.0.0.1', done))
  return { came, url: `http://127.0.0.1:${server.address().port}/h`, close: () => server.close() }
}

const container = graph => ({ resolve: name => (name === 'query' ? { graph } : name === 'cart' ? { updateCarts: async (...given) => { world.workflows.push(['mark', given]) } } : { warn: text => world.log.push(text) }) })
const until = async done => { for (let i = 0; i < 200 && !done(); i++) await new Promise(next => setTimeout(next, 10)) }

async function restoring(body, carts) {
  world.workflows = []
  const scope = container(async ({ filters }) => ({ data: [carts[filters.id]].filter(Boolean) }))
  const said = { code: 200, setHeader() {} }
  const res = { ...said, status(code) { said.code = code; return res }, json(value) { said.body = value; return res } }
  await route.POST({ body, scope }, res)
  return said
}

/* ------------------------------------------------------------ the tests */

const tests = {
  'the compiler has nothing to say'() {
    const options = { ...compilerOptions, noEmit: true, types: [], lib: ['lib.es2022.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'], strictNullChecks: true, noUnusedLocals: true, noImplicitReturns: true, ignoreDeprecations: ts.version.startsWith('5') ? '5.0' : '6.0' }
    const program = ts.createProgram([...FILES, path.join(__dirname, 'types.d.ts')], options)
    const said = ts.getPreEmitDiagnostics(program).map(it => `${it.file && path.basename(it.file.fileName)}:${it.file && ts.getLineAndCharacterOfPosition(it.file, it.start).line + 1} ${ts.flattenDiagnosticMessageText(it.messageText, ' ')}`)
    assert.deepEqual(said, [])
  },

  'signatures are those of Standard Webhooks, and one state has one id'() {
    for (const all of [story.medusa(), story.vendure()]) {
      for (const one of all) assert.ok(holds(one))
      assert.equal(new Set(all.map(one => one.headers['webhook-id'])).size, all.length)
    }
    const event = medusa.cartEvent(settings, medusaCart())
    assert.equal(medusa.signed(settings, event, 1).headers['webhook-id'], medusa.signed(settings, event, 2).headers['webhook-id'])
  },

  'settings that say too little are none'() {
    for (const wrong of [{ CARTBACK_SECRET: 'whsec_dG9vIHNob3J0' }, { CARTBACK_SECRET: SECRET.slice(6) }, { CARTBACK_URL: '' }, { CARTBACK_STOREFRONT_URL: undefined }]) {
      assert.equal(medusa.read({ ...ENV, ...wrong }), null)
    }
    assert.throws(() => vendure.read({ url: 'https://hooks.example.com/h', secret: 'whsec_dG9vIHNob3J0', storefrontUrl: 'https://shop.example.com' }))
  },

  'money of Medusa is in major units'() {
    for (const [given, code, expected] of [
      [650.5, 'eur', '650.50'], [0.1 + 0.2, 'eur', '0.30'], ['12.345', 'eur', '12.35'], [1234, 'jpy', '1234'], ['1.5', 'bhd', '1.500'],
      [{ value: '20.25' }, 'eur', '20.25'], [0, 'eur', '0.00'], ['12345678901234567.89', 'eur', '12345678901234567.89'],
      [null, 'eur', null], [undefined, 'eur', null], ['', 'eur', null], [-1, 'eur', null], ['x', 'eur', null], [NaN, 'eur', null],
    ]) assert.equal(medusa.money(given, code), expected, `${given} ${code}`)
  },

  'money of Vendure has two digits whatever the currency'() {
    for (const [given, code, expected] of [
      [65050, 'EUR', '650.50'], [5, 'EUR', '0.05'], [0, 'EUR', '0.00'], [123400, 'JPY', '1234'], [150, 'BHD', '1.500'],
      [1.5, 'EUR', null], [-1, 'EUR', null], ['1', 'EUR', null], [undefined, 'EUR', null],
    ]) assert.equal(vendure.money(given, code), expected, `${given} ${code}`)
  },

  'Medusa: a cart of somebody who was never asked, or that was bought, is not told'() {
    for (const more of [{ metadata: null }, { metadata: {} }, { metadata: { sms_consent: 'yes' } }, { completed_at: '2026-03-01T10:00:00Z' }]) {
      assert.equal(medusa.cartEvent(settings, medusaCart(more)), null)
    }
    assert.equal(medusa.cartEvent(settings, undefined), null)
  },

  'Medusa: without the tick nothing personal is told'() {
    const said = JSON.stringify(medusa.cartEvent(settings, medusaCart({ metadata: { sms_consent: false } })))
    assert.ok(!/23456789|ida@|cus_1|Ida/.test(said), said)
    assert.ok(said.includes('not_given'))
  },

  'Medusa: odd empties are no error'() {
    const cart = medusaCart({ shipping_address: null, billing_address: null, items: null, customer: null, total: null, email: null, created_at: null, updated_at: null })
    assert.deepEqual(medusa.cartEvent(settings, cart).data.phones, [])
    const order = medusaOrder({ cart: null, promotions: null, payment_collections: [null, { payments: null }], total: null, customer: null, display_id: null, shipping_address: null })
    assert.equal(medusa.orderEvent(order).data.number, 'order_01')
    assert.equal(medusa.orderEvent(medusaOrder({ is_draft_order: true })).data.status, 'draft')
  },

  'a forged restore token is refused, every single one'() {
    for (const [ours, given, name] of [[medusa, settings, 'cart_01'], [vendure, ofVendure, 'T3D8RPZZA24FRDBH']]) {
      const token = new URL(ours.restoreUrl(given, name, 2000000000)).searchParams.get('restore')
      assert.equal(ours.readRestore(given, token, 1999999999), name)
      assert.equal(ours.readRestore(given, token, 2000000001), null)
      for (const other of forged(token)) assert.equal(ours.readRestore(given, other, 0), null, String(other))
      const key = { ...given, key: Buffer.alloc(32, 9) }
      assert.equal(ours.readRestore(key, token, 0), null)
    }
  },

  async 'Medusa: an event is read, told, and tried again when it is not taken'() {
    const server = await receiver([302, 200])
    Object.assign(process.env, ENV, { CARTBACK_URL: server.url })
    const asked = []
    const graph = async ({ entity, filters }) => {
      asked.push([entity, filters])
      return { data: [{ cart: medusaCart(), order: medusaOrder(), payment: { payment_collection_id: 'pc_1' }, order_payment_collection: { order_id: 'order_01' } }[entity]] }
    }
    world.log = []
    await medusa.default({ event: { name: 'cart.updated', data: { id: 'cart_01' } }, container: container(graph) })
    await until(() => world.log.length)
    assert.deepEqual([server.came.length, world.log], [1, ['cartback: checkout.updated was not taken: 302']])
    await medusa.default({ event: { name: 'payment.captured', data: { id: 'pay_1' } }, container: container(graph) })
    await until(() => server.came.length === 2)
    assert.deepEqual(asked.slice(1), [['payment', { id: 'pay_1' }], ['order_payment_collection', { payment_collection_id: 'pc_1' }], ['order', { id: 'order_01' }]])
    assert.ok(holds(server.came[1]))
    await medusa.default({ event: { name: 'cart.updated', data: { id: 'cart_01' } }, container: container(async () => { throw new Error('0151 23456789') }) })
    assert.ok(!world.log.join().includes('23456789'))
    await medusa.default({ event: { name: 'customer.deleted', data: { id: 'cus_1' } }, container: container(graph) })
    await until(() => server.came.length === 3)
    assert.equal(JSON.parse(server.came[2].body).type, 'customer.redacted')
    delete process.env.CARTBACK_URL
    await medusa.default({ event: { name: 'cart.updated', data: { id: 'cart_01' } }, container: container(graph) })
    assert.equal(server.came.length, 3)
    server.close()
  },

  async 'Medusa: what was missed is told again, page by page, until Cartback is away'() {
    const server = await receiver([200, 200, 503])
    Object.assign(process.env, ENV, { CARTBACK_URL: server.url })
    const pages = []
    const graph = async ({ entity, pagination }) => {
      pages.push(entity)
      return { data: entity === 'order' && pagination.skip === 0 ? [medusaOrder(), medusaOrder({ id: 'order_02' })] : [medusaCart(), medusaCart({ id: 'cart_02' })] }
    }
    await again.default(container(graph))
    assert.deepEqual([pages, server.came.length], [['order', 'cart'], 3])
    server.close()
  },

  async 'Medusa: restoring fills a new cart, never the old one, and keeps nobody'() {
    Object.assign(process.env, ENV)
    const restore = new URL(medusa.restoreUrl(settings, 'cart_01', 2000000000)).searchParams.get('restore')
    world.inStock = variant => variant !== 'v2'
    const said = await restoring({ restore, code: 'OAK10', cartback: 'AbC_123-xyz' }, { cart_01: medusaCart() })
    assert.deepEqual(said.body, { cart_id: 'cart_new', gone: 1 })
    const [created, ...more] = world.workflows
    assert.deepEqual(created, ['create', { region_id: 'reg_1', sales_channel_id: 'sc_1', currency_code: 'eur', metadata: { cartback_from: 'cart_01', cartback: 'AbC_123-xyz' } }])
    assert.deepEqual(more.map(([name]) => name), ['add', 'add', 'promotions'])
    assert.ok(!/ida@|23456789|cus_1/.test(JSON.stringify(world.workflows)))
    // A cart of their own is kept, and opening the link twice changes nothing more.
    const own = medusaCart({ id: 'cart_own', metadata: { a: 1 }, items: [{ variant_id: 'v1', quantity: 1 }, { variant_id: 'v2', quantity: 1 }] })
    assert.deepEqual((await restoring({ restore, cart_id: 'cart_own' }, { cart_01: medusaCart(), cart_own: own })).body, { cart_id: 'cart_own', gone: 0 })
    assert.deepEqual(world.workflows, [['mark', ['cart_own', { metadata: { a: 1, cartback_from: 'cart_01' } }]]])
    // A code that does not hold stops nothing; a bought or unknown cart looks like a forged link.
    assert.equal((await restoring({ restore, code: 'OLD' }, { cart_01: medusaCart() })).body.cart_id, 'cart_new')
    for (const [given, carts] of [[restore, {}], [restore, { cart_01: medusaCart({ completed_at: 'x' }) }], [`${restore}0`, { cart_01: medusaCart() }], [undefined, {}]]) {
      const refused = await restoring({ restore: given }, carts)
      assert.deepEqual([refused.code, refused.body, world.workflows], [404, { cart_id: null, gone: 0 }, []])
    }
    world.inStock = () => true
  },

  async 'Medusa: the storefront keeps the cart and leads on'() {
    const fetched = []
    const real = globalThis.fetch
    globalThis.fetch = async (url, given) => { fetched.push(JSON.parse(given.body)); return new Response(JSON.stringify({ cart_id: fetched[0].restore === 'good' ? 'cart_new' : null }), { status: 200 }) }
    const answer = await storefront.GET(new Request('https://shop.example.com/api/cartback?restore=good&code=OAK10&utm_source=sms&next=https://evil.example', { headers: { cookie: 'a=b; _medusa_cart_id=cart_own' } }))
    assert.deepEqual(fetched[0], { restore: 'good', code: 'OAK10', cart_id: 'cart_own' })
    assert.deepEqual([answer.status, answer.headers.get('location'), answer.headers.get('set-cookie').split(';')[0]], [303, '/checkout?step=address&utm_source=sms', '_medusa_cart_id=cart_new'])
    fetched.length = 0
    const refused = await storefront.GET(new Request('https://shop.example.com/api/cartback?restore=bad'))
    assert.deepEqual([refused.headers.get('location'), refused.headers.get('set-cookie')], ['/', null])
    globalThis.fetch = async () => { throw new Error('away') }
    assert.equal((await storefront.GET(new Request('https://shop.example.com/api/cartback?restore=good'))).headers.get('location'), '/')
    globalThis.fetch = real
  },

  'Vendure: what is told, and what is not'() {
    const told = more => vendure.eventOf(ofVendure, vendureOrder(more), 'de')
    assert.equal(told({ customFields: { cartbackConsent: null } }), null)
    assert.equal(told({ customFields: undefined }), null)
    assert.equal(told({ state: 'Draft' }), null)
    assert.equal(told({ lines: [] }).type, 'checkout.deleted')
    assert.equal(told({ state: 'Cancelled' }).type, 'checkout.deleted')
    const unticked = JSON.stringify(told({ customFields: { cartbackConsent: false } }))
    assert.ok(!/23456789|ida@|Ida/.test(unticked), unticked)
    const guest = vendure.eventOf(ofVendure, bought(), 'de').data
    assert.deepEqual([guest.customer_id, guest.status, guest.checkout_token], [null, 'paid', 'T3D8RPZZA24FRDBH'])
    assert.equal(vendure.eventOf(ofVendure, bought({ customer: { ...bought().customer, user: { id: 1 } } }), 'de').data.customer_id, '5')
    assert.equal(vendure.eventOf(ofVendure, bought({ payments: null, customer: null, shippingAddress: undefined, lines: null }), 'de').data.status, 'placed')
  },

  async 'Vendure: events become jobs, and a job tells the newest state or is tried again'() {
    const server = await receiver([500, 200, 400])
    const plugin = vendure.CartbackPlugin.init({ url: server.url, secret: SECRET, storefrontUrl: 'https://shop.example.com/cartback' })
    const listening = new Map()
    const jobs = []
    let work
    const bus = { ofType: kind => ({ subscribe: act => listening.set(kind.name, act) }) }
    const queues = { createQueue: async given => { work = given.process; return { add: async (data, options) => { jobs.push([data, options.retries]) } } } }
    const orders = { findOne: async () => vendureOrder() }
    await new plugin(bus, queues, orders).onApplicationBootstrap()
    assert.deepEqual([...listening.keys()].sort(), Object.keys(events).sort())
    const ctx = { serialize: () => ({ languageCode: 'de' }) }
    listening.get('OrderEvent')({ ctx, order: { id: 12 } })
    listening.get('CustomerEvent')({ ctx, type: 'updated', entity: { id: 5 } })
    listening.get('CustomerEvent')({ ctx, type: 'deleted', entity: { id: 5, emailAddress: 'ida@example.com', phoneNumber: '' } })
    assert.deepEqual(jobs.map(([, retries]) => retries), [12960, 12960])
    const real = globalThis.setTimeout
    globalThis.setTimeout = (act, ms) => real(act, ms === 20000 ? 0 : ms)
    await assert.rejects(work({ data: jobs[0][0] }))
    globalThis.setTimeout = real
    await work({ data: jobs[0][0] })
    assert.equal(server.came[0].headers['webhook-id'], server.came[1].headers['webhook-id'])
    await work({ data: jobs[1][0] })
    assert.deepEqual(JSON.parse(server.came[2].body).data, { customer_id: '5', email: 'ida@example.com', phone: null })
    server.close()
    const config = plugin.metadata.configuration({ customFields: { Order: [] } })
    assert.deepEqual(config.customFields.Order.map(field => field.name), ['cartbackConsent', 'cartbackConsentText', 'cartbackConsentAt', 'cartbackRecovery', 'cartbackFrom'])
  },

  async 'Vendure: restoring fills the visitor\'s own order and nothing else'() {
    vendure.CartbackPlugin.settings = ofVendure
    const old = vendureOrder()
    const restore = new URL(vendure.restoreUrl(ofVendure, old.code, 2000000000)).searchParams.get('restore')
    const done = []
    const orders = {
      findOneByCode: async (ctx, code) => (code === old.code ? old : undefined),
      addItemToOrder: async (ctx, order, variant, quantity) => { done.push(['add', order, variant, quantity]); if (variant === 2) throw new Error('gone'); return {} },
      updateCustomFields: async (ctx, order, fields) => { done.push(['mark', order, fields]) },
      applyCouponCode: async (ctx, order, code) => { done.push(['code', order, code]); return { errorCode: 'COUPON_CODE_INVALID_ERROR' } },
    }
    let own = { id: 99, code: 'OWN', lines: [] }
    const resolver = new vendure.CartbackResolver(orders, { getActiveOrder: async () => own })
    const said = await resolver.cartbackRestore({}, { restore, code: 'OAK10', cartback: 'AbC_123-xyz' })
    assert.deepEqual(said, { found: true, gone: 1 })
    assert.deepEqual(done, [['add', 99, 1, 2], ['add', 99, 2, 1], ['mark', 99, { cartbackRecovery: 'AbC_123-xyz', cartbackFrom: old.code }], ['code', 99, 'OAK10']])
    done.length = 0
    own = { id: 99, code: 'OWN', lines: [{ productVariant: { id: 1 } }, { productVariant: { id: 2 } }] }
    await resolver.cartbackRestore({}, { restore })
    assert.deepEqual(done, [['mark', 99, { cartbackFrom: old.code }]])
    done.length = 0
    old.orderPlacedAt = new Date()
    for (const given of [restore, `${restore}0`, '']) assert.deepEqual(await resolver.cartbackRestore({}, { restore: given }), { found: false, gone: 0 })
    assert.deepEqual(done, [])
  },
}

async function main() {
  const [what, platform] = process.argv.slice(2)
  if (what === 'emit') {
    for (const one of story[platform]()) console.log(JSON.stringify(one))
    return
  }
  let failed = 0
  for (const [name, test] of Object.entries(tests)) {
    try {
      await test()
    } catch (problem) {
      failed++
      console.log(`FAILED ${name}\n  ${problem.stack}`)
    }
  }
  console.log(`${Object.keys(tests).length - failed} of ${Object.keys(tests).length} passed`)
  process.exit(failed ? 1 : 0)
}
main()
