// What shops call: carts and orders. One block per scheme.

import { generateKeyPairSync, sign as signBytes, webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';

import { verify as octokit } from '@octokit/webhooks-methods';
import { verifySignatureWithJwks } from '@saleor/app-sdk/auth';
import { ApiVersion, shopifyApi } from '@shopify/shopify-api';
import '@shopify/shopify-api/adapters/web-api';
import { AppStrategy } from '@wix/sdk';
import { FlattenedSign, SignJWT, UnsecuredJWT, exportJWK } from 'jose';
import { Webhook } from 'standardwebhooks';
import { JSON_TYPE, NOW, Scheme, URL, by, documented, hmac, otherCharacter } from './judge.mjs';

const require = createRequire(import.meta.url);
const BODY = JSON.stringify({ id: 450789469, name: '#1001 Ünï 🛒', total_price: '128.00', shop: 'Lumen & Oak' });

await shopify();
await woocommerce();
await standard({ kind: 'generic', setting: 'secret' });
await standard({ kind: 'woocommerce', scheme: 'Standard Webhooks', setting: 'plugin_secret' });
await standard({ kind: 'mapped', scheme: 'Standard Webhooks', setting: 'secret', settings: { proof: 'standard' } });
await bigcommerce();
await saleor();
await ecwid();
await wix();
await squarespace();
await razorpay();
await cashfree();
await mapped();

async function shopify() {
    const key = 'hush-3f5c9e1a7b2d4c6e8f0a1b3c5d7e9f11';
    const sdk = shopifyApi({
        apiKey: 'a1b2c3',
        apiSecretKey: key,
        hostName: 'cartback.example.com',
        scopes: [],
        apiVersion: ApiVersion.July25,
        isEmbeddedApp: false,
        logger: { level: -1 },
    });
    const scheme = new Scheme({
        side: 'shop',
        kind: 'shopify',
        scheme: 'HMAC',
        by: by('@shopify/shopify-api'),
        settings: { signing_key: key },
        async judge(call) {
            const rawRequest = new Request(call.url, { method: call.method, headers: call.headers, body: call.body });
            return (await sdk.webhooks.validate({ rawBody: call.body.toString(), rawRequest })).valid;
        },
    });
    const signed = ({ body = BODY, secret = key, prefix = 'x-shopify-' } = {}) => ({
        body,
        headers: {
            ...JSON_TYPE,
            ...Object.fromEntries(
                Object.entries({
                    'hmac-sha256': hmac('sha256', secret, body).toString('base64'),
                    topic: 'orders/create',
                    'shop-domain': 'lumen-oak.myshopify.com',
                    'api-version': '2025-07',
                    'webhook-id': 'b54557e4-bdd9-4b37-8a5f-bf7d70bcd043',
                    'event-id': '98880550-7158-44d4-b7cd-2c97c8a091b5',
                    handle: 'cartback',
                    action: 'create',
                    'resource-id': 'gid://shopify/Order/450789469',
                }).map(([name, value]) => [prefix + name, value]),
            ),
        },
    });
    const good = signed();
    await scheme.genuine('an order', good);
    await scheme.genuine('an order, headers without x-', signed({ prefix: 'shopify-' }));
    await scheme.genuine('a body that is no JSON', signed({ body: 'plain words' }));
    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'x-shopify-hmac-sha256');
    await scheme.tampered('another key', signed({ secret: `${key}x` }));
    await scheme.tampered('in hexadecimal', {
        ...good,
        headers: { ...good.headers, 'x-shopify-hmac-sha256': hmac('sha256', key, BODY).toString('hex') },
    });
}

/** base64(HMAC-SHA256(secret, body)) by WebCrypto. */
async function base64Holds(secret, body, sent) {
    const utf8 = new TextEncoder();
    const key = await webcrypto.subtle.importKey('raw', utf8.encode(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
        'verify',
    ]);
    return webcrypto.subtle.verify('HMAC', key, Buffer.from(sent ?? '', 'base64'), body);
}

// WooCommerce signs and has no SDK that verifies: this is its `WC_Webhook::generate_signature`, read again.
async function woocommerce() {
    const secret = 'a,B$k9?w!Zq2 @N6s^t4Vx8#Lp0(Rm5)';
    const scheme = new Scheme({
        side: 'shop',
        kind: 'woocommerce',
        scheme: 'HMAC',
        by: documented,
        settings: { webhook_secret: secret },
        judge: (call) => base64Holds(secret, call.body, call.headers['x-wc-webhook-signature']),
    });
    const signed = ({ body = BODY, key = secret } = {}) => ({
        body,
        headers: {
            ...JSON_TYPE,
            'x-wc-webhook-topic': 'order.created',
            'x-wc-webhook-delivery-id': '1',
            'x-wc-webhook-signature': hmac('sha256', key, body).toString('base64'),
        },
    });
    const good = signed();
    await scheme.genuine('an order', good);
    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'x-wc-webhook-signature');
    await scheme.tampered('another secret', signed({ key: `${secret}x` }));

    // As `wp_specialchars_decode` reads it.
    const typed = 'Lumen &amp; Oak &lt;secret&gt;';
    const written = new Scheme({
        ...scheme,
        scheme: 'HMAC',
        settings: { webhook_secret: typed },
        judge: (call) => base64Holds('Lumen & Oak <secret>', call.body, call.headers['x-wc-webhook-signature']),
    });
    await written.genuine('a secret with entities', signed({ key: 'Lumen & Oak <secret>' }));
    await written.tampered('decoded twice', signed({ key: 'Lumen & Oak secret' }));
}

/** Standard Webhooks by `secret`, which `make` reads for the package. */
async function standardCases(scheme, { secret, other, make, body = BODY }) {
    const signed = ({
        key = secret,
        text = body,
        id = 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        at = NOW - 3,
        before = '',
        after = '',
    } = {}) => ({
        body: text,
        headers: {
            ...JSON_TYPE,
            'webhook-id': id,
            'webhook-timestamp': String(at),
            'webhook-signature': before + make(key).sign(id, new Date(at * 1000), text) + after,
        },
    });
    const good = signed();
    await scheme.genuine('an event', good);
    await scheme.genuine('four minutes old', signed({ at: NOW - 240 }));
    await scheme.genuine('four minutes ahead', signed({ at: NOW + 240 }));
    await scheme.genuine('an id with dots', signed({ id: 'a.b.1' }));
    await scheme.genuine(
        'an old and a new signature',
        signed({ before: `${make(other).sign('x', new Date(0), 'x')} `, after: ' v2,AAAA' }),
    );
    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'webhook-signature', 'v1,');
    await scheme.signatureSpoilt(good, 'webhook-signature');
    await scheme.tampered('another secret', signed({ key: other }));
    await scheme.tampered('said to be v2', {
        ...good,
        headers: { ...good.headers, 'webhook-signature': good.headers['webhook-signature'].replace('v1', 'v2') },
    });
    await scheme.tampered('another id', { ...good, headers: { ...good.headers, 'webhook-id': 'msg_other' } });
    await scheme.tampered('another time', {
        ...good,
        headers: { ...good.headers, 'webhook-timestamp': String(NOW - 2) },
    });
    await scheme.tampered('ten minutes old', signed({ at: NOW - 600 }));
    await scheme.tampered('ten minutes ahead', signed({ at: NOW + 600 }));
    await scheme.tampered('a dot moved', {
        ...good,
        headers: { ...good.headers, 'webhook-id': `msg_p5jXN8AQM9LWM0D4loKWxJek.${NOW - 3}` },
        body: body.slice(1),
    });
    for (const name of ['webhook-id', 'webhook-timestamp']) {
        const { [name]: _, ...rest } = good.headers;
        await scheme.tampered(`no ${name}`, { ...good, headers: rest });
    }
}

function standardJudge(webhook) {
    return (call) => {
        webhook.verify(call.body.toString(), call.headers, { jsonParse: false });
        return true;
    };
}

async function standard({ kind, scheme: name = 'Standard Webhooks', setting, settings = {} }) {
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const make = (key) => new Webhook(key);
    const scheme = new Scheme({
        side: 'shop',
        kind,
        scheme: name,
        by: by('standardwebhooks'),
        settings: { ...settings, [setting]: secret },
        judge: standardJudge(make(secret)),
    });
    const body = JSON.stringify({
        type: 'order.upserted',
        timestamp: '2026-09-21T10:00:00Z',
        data: { id: '1', currency: 'EUR', total: '128.00', number: '#1 Ünï 🛒' },
    });
    await standardCases(scheme, { secret, other: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx', make, body });
}

// Standard Webhooks, with the bytes of the client secret as the key.
async function bigcommerce() {
    const secret = '4f9c2e7a1b8d3f6045c2e7a1b8d3f604';
    const make = (key) => new Webhook(key, { format: 'raw' });
    const scheme = new Scheme({
        side: 'shop',
        kind: 'bigcommerce',
        scheme: 'Standard Webhooks',
        by: by('standardwebhooks'),
        settings: { store_hash: 'a1b2c3', client_secret: secret },
        judge: standardJudge(make(secret)),
    });
    const body = JSON.stringify({
        scope: 'store/cart/updated',
        store_id: '1025646',
        producer: 'stores/a1b2c3',
        hash: '3f9ea420af83450d7ef9f78b08c8af25b2213637',
        data: { type: 'cart', id: '09346904' },
    });
    await standardCases(scheme, { secret, other: `${secret}x`, make, body });
}

// Left out: a body that was written in base64 for its signature (`b64` not false), which the SDK takes as it stands, and
// algorithms other than RS256, which the SDK leaves to the key set and Cartback does not.
async function saleor() {
    const keyPair = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [pair, old] = [keyPair(), keyPair()];
    const published = async (key, kid) => ({
        ...(await exportJWK(key)),
        kid,
        use: 'sig',
        key_ops: ['verify'],
        alg: 'RS256',
    });
    const keys = JSON.stringify({ keys: [await published(old.publicKey, '0'), await published(pair.publicKey, '1')] });
    const scheme = new Scheme({
        side: 'shop',
        kind: 'saleor',
        scheme: 'detached JWS',
        by: by('@saleor/app-sdk'),
        settings: { api_url: 'https://lumen-oak.saleor.cloud/graphql/' },
        async judge(call) {
            await verifySignatureWithJwks(call.keys, call.headers['saleor-signature'], call.body.toString());
            return true;
        },
    });
    const BODY = JSON.stringify({
        __typename: 'CheckoutUpdated',
        checkout: { id: 'Q2hlY2tvdXQ6MQ==', note: 'Ünï 🛒' },
    });
    const signed = async ({ body = BODY, by: { privateKey } = pair, kid = '1' } = {}) => {
        const jws = await new FlattenedSign(new TextEncoder().encode(body))
            .setProtectedHeader({ alg: 'RS256', kid, typ: 'JWT', b64: false, crit: ['b64'] })
            .sign(privateKey);
        return { body, keys, headers: { ...JSON_TYPE, 'saleor-signature': `${jws.protected}..${jws.signature}` } };
    };
    const good = await signed();
    await scheme.genuine('a checkout', good);
    await scheme.genuine('by the other key', await signed({ by: old, kid: '0' }));
    await scheme.genuine('a body with dots', await signed({ body: 'a.b.c' }));

    await scheme.bodyTurned(good);
    const signature = good.headers['saleor-signature'];
    await scheme.signatureSpoilt(good, 'saleor-signature', signature.slice(0, signature.indexOf('..') + 2));
    await scheme.signatureSpoilt(good, 'saleor-signature');
    await scheme.tampered('a key that is not published', await signed({ by: keyPair() }));
    await scheme.tampered('a key under another name', await signed({ by: old, kid: '1' }));
    await scheme.tampered('a name of nobody', await signed({ kid: '2' }));
    const head = (header) => Buffer.from(JSON.stringify(header)).toString('base64url');
    const put = (text) => ({ ...good, headers: { ...good.headers, 'saleor-signature': text } });
    await scheme.tampered('unsigned', put(`${head({ alg: 'none' })}..`));
    await scheme.tampered(
        'said to be HS256, by the published number',
        put(
            `${head({ alg: 'HS256', kid: '1', b64: false, crit: ['b64'] })}..${hmac('sha256', 'x', BODY).toString('base64url')}`,
        ),
    );
    const strange = head({ alg: 'RS256', kid: '1', b64: false, crit: ['b64', 'exp'], exp: NOW + 60 });
    await scheme.tampered(
        'more to be understood',
        put(
            `${strange}..${signBytes('RSA-SHA256', Buffer.from(`${strange}.${BODY}`), pair.privateKey).toString('base64url')}`,
        ),
    );
}

// Ecwid has no SDK that verifies: this is the example of docs.ecwid.com, "Webhooks". Two fields are signed and nothing
// else, so a changed body is no forgery as long as they stand.
async function ecwid() {
    const secret = 'bPvVZX6aQ2wR8tYkL3nH';
    const made = (key, { eventCreated, eventId }) =>
        hmac('sha256', key, `${eventCreated}.${eventId}`).toString('base64');
    const scheme = new Scheme({
        side: 'shop',
        kind: 'ecwid',
        scheme: 'HMAC',
        by: documented,
        settings: { store_id: '1003', client_secret: secret },
        judge: (call) => made(secret, JSON.parse(call.body)) === call.headers['x-ecwid-webhook-signature'],
    });
    const event = {
        eventId: '80aece08-40e8-4145-8764-6c2f0d38678',
        eventCreated: NOW - 3,
        storeId: 1003,
        entityId: 103878161,
        eventType: 'order.created',
    };
    const sent = (told, key = secret) => ({
        headers: { ...JSON_TYPE, 'x-ecwid-webhook-signature': made(key, event) },
        body: JSON.stringify(told),
    });
    const good = sent(event);
    await scheme.genuine('an order', good);
    await scheme.genuine('fields that nobody signs', sent({ ...event, entityId: 7, data: { note: 'Ünï 🛒' } }));
    await scheme.signatureSpoilt(good, 'x-ecwid-webhook-signature');
    await scheme.tampered('another secret', sent(event, `${secret}x`));
    await scheme.tampered('another event', sent({ ...event, eventId: `${event.eventId}0` }));
    await scheme.tampered('another time', sent({ ...event, eventCreated: NOW - 2 }));
    await scheme.tampered(
        'a dot moved',
        sent({ ...event, eventCreated: `${NOW - 3}.80aece08`, eventId: '40e8-4145-8764-6c2f0d38678' }),
    );
    for (const name of ['eventId', 'eventCreated']) {
        const { [name]: _, ...rest } = event;
        await scheme.tampered(`no ${name}`, sent(rest));
    }
}

// The SDK minds `exp`; Cartback does not, as Wix tries again for two days and does not say that it signs anew each time.
async function wix() {
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = pair.publicKey.export({ type: 'spki', format: 'pem' });
    const instanceId = 'aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab';
    const strategy = AppStrategy({ appId: 'cartback', appSecret: 'x', publicKey: pem, instanceId });
    const scheme = new Scheme({
        side: 'shop',
        kind: 'wix',
        scheme: 'JWT RS256',
        by: by('@wix/sdk'),
        settings: { public_key: pem, instance_id: instanceId },
        judge: async (call) => (await strategy.decodeJWT(call.body.toString())).valid,
    });
    const data = JSON.stringify({
        entityFqdn: 'wix.ecom.v1.order',
        slug: 'created',
        id: 'e1',
        entityId: 'o1',
        note: 'Ünï 🛒',
    });
    const claims = {
        data: JSON.stringify({ data, instanceId, eventType: 'wix.ecom.v1.order_created' }),
        iat: NOW - 3,
        exp: NOW + 3597,
    };
    const token = ({ privateKey } = pair, alg = 'RS256') =>
        new SignJWT(claims).setProtectedHeader({ alg, kid: 'k1' }).sign(privateKey);
    const sent = (body) => ({ headers: { 'content-type': 'text/plain' }, body });
    const good = await token();
    await scheme.genuine('an order', sent(good));
    const [head, middle, tail] = good.split('.');
    await scheme.tampered(
        'other claims',
        sent([head, Buffer.from(JSON.stringify({ ...claims, iat: NOW })).toString('base64url'), tail].join('.')),
    );
    await scheme.tampered('one character of the claims', sent([head, otherCharacter(middle, 40), tail].join('.')));
    await scheme.tampered('one character of the signature', sent([head, middle, otherCharacter(tail, 100)].join('.')));
    await scheme.tampered('half a signature', sent([head, middle, tail.slice(0, 171)].join('.')));
    await scheme.tampered('no signature', sent([head, middle, ''].join('.')));
    await scheme.tampered('two parts', sent([head, middle].join('.')));
    await scheme.tampered('another key', sent(await token(generateKeyPairSync('rsa', { modulusLength: 2048 }))));
    await scheme.tampered('unsigned', sent(new UnsecuredJWT(claims).encode()));
    const hs = [Buffer.from('{"alg":"HS256"}').toString('base64url'), middle].join('.');
    await scheme.tampered('HS256 by the public key', sent(`${hs}.${hmac('sha256', pem, hs).toString('base64url')}`));
    await scheme.tampered('nothing', sent(''));
}

// Squarespace has no SDK; of the same make, with the bytes of the secret as the key, is what GitHub's package verifies.
async function squarespace() {
    const key = Buffer.from('00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff', 'hex');
    const scheme = new Scheme({
        side: 'shop',
        kind: 'squarespace',
        scheme: 'HMAC',
        by: by('@octokit/webhooks-methods'),
        settings: { webhook_secret: key.toString('hex') },
        judge: (call) => octokit(key, call.body.toString(), `sha256=${call.headers['squarespace-signature'] ?? ''}`),
    });
    const BODY = JSON.stringify({
        id: '586f5f1b2f94b1b5e8b1a0c1',
        topic: 'order.create',
        websiteId: 'w',
        data: { orderId: 'o', note: 'Ünï 🛒' },
    });
    const signed = (secret) => ({
        body: BODY,
        headers: { ...JSON_TYPE, 'squarespace-signature': hmac('sha256', secret, BODY).toString('hex') },
    });
    const good = signed(key);
    await scheme.genuine('an order', good);
    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'squarespace-signature');
    await scheme.tampered('another secret', signed(Buffer.concat([key, key])));
    await scheme.tampered('the secret as it is written', signed(key.toString('hex')));
}

async function razorpay() {
    const { validateWebhookSignature } = require('razorpay/dist/utils/razorpay-utils.js');
    const secret = 'rzp-webhook-secret-1';
    const scheme = new Scheme({
        side: 'shop',
        kind: 'razorpay',
        scheme: 'HMAC',
        by: by('razorpay'),
        settings: { secret },
        judge: (call) => validateWebhookSignature(call.body.toString(), call.headers['x-razorpay-signature'], secret),
    });
    const BODY = JSON.stringify({
        entity: 'event',
        event: 'payment.captured',
        payload: { payment: { entity: { id: 'pay_1', amount: 12800, note: 'Ünï 🛒' } } },
    });
    const signed = (key) => ({
        body: BODY,
        headers: { ...JSON_TYPE, 'x-razorpay-signature': hmac('sha256', key, BODY).toString('hex') },
    });
    const good = signed(secret);
    await scheme.genuine('a payment', good);
    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'x-razorpay-signature');
    await scheme.tampered('another secret', signed(`${secret}x`));
    await scheme.tampered('in capitals', {
        ...good,
        headers: { ...good.headers, 'x-razorpay-signature': good.headers['x-razorpay-signature'].toUpperCase() },
    });
}

// The last version before the one whose reporting of errors weighs 60 MB; that reporting is off. The SDK does not look at
// the time.
async function cashfree() {
    const { CFEnvironment, Cashfree } = require('cashfree-pg');
    const secret = 'cfsk_ma_test_0123456789abcdef';
    const sdk = new Cashfree(CFEnvironment.SANDBOX, 'id', secret, undefined, undefined, undefined, false);
    const scheme = new Scheme({
        side: 'shop',
        kind: 'cashfree',
        scheme: 'HMAC',
        by: by('cashfree-pg'),
        settings: { secret },
        judge(call) {
            const { 'x-webhook-signature': signature, 'x-webhook-timestamp': time } = call.headers;
            return sdk.PGVerifyWebhookSignature(signature, call.body.toString(), time) !== undefined;
        },
    });
    const BODY = JSON.stringify({
        type: 'PAYMENT_SUCCESS_WEBHOOK',
        event_time: '2026-09-21T10:00:00+05:30',
        data: { order: { order_id: 'o1', order_amount: 128.0, note: 'Ünï 🛒' } },
    });
    const signed = (key, time = String((NOW - 3) * 1000)) => ({
        body: BODY,
        headers: {
            ...JSON_TYPE,
            'x-webhook-signature': hmac('sha256', key, time, BODY).toString('base64'),
            'x-webhook-timestamp': time,
        },
    });
    const good = signed(secret);
    await scheme.genuine('a payment', good);
    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'x-webhook-signature');
    await scheme.tampered('another secret', signed(`${secret}x`));
    await scheme.tampered('another time', {
        ...good,
        headers: { ...good.headers, 'x-webhook-timestamp': String((NOW - 2) * 1000) },
    });
}

// Any webhook with an HMAC over its body: in hexadecimal as GitHub's are, in base64 by WebCrypto.
async function mapped() {
    const secret = "It's a Secret to Everybody";
    const header = 'X-Hub-Signature-256';
    for (const encoding of ['hex', 'base64']) {
        const hex = encoding === 'hex';
        const scheme = new Scheme({
            side: 'shop',
            kind: 'mapped',
            scheme: `HMAC ${encoding}`,
            by: hex ? by('@octokit/webhooks-methods') : documented,
            settings: { proof: encoding, proof_header: header, secret },
            judge: (call) =>
                hex
                    ? octokit(secret, call.body.toString(), call.headers[header])
                    : base64Holds(secret, call.body, call.headers[header]),
        });
        const signed = (key) => ({
            body: BODY,
            headers: { ...JSON_TYPE, [header]: (hex ? 'sha256=' : '') + hmac('sha256', key, BODY).toString(encoding) },
        });
        const good = signed(secret);
        await scheme.genuine('a body', good);
        await scheme.bodyTurned(good);
        await scheme.signatureSpoilt(good, header, hex ? 'sha256=' : '');
        await scheme.tampered('another secret', signed(`${secret}x`));
    }
}
