// What SMS providers call: receipts and replies, signed by a MAC or a key pair. One block per scheme.

import { generateKeyPairSync, sign as signBytes } from 'node:crypto';
import { createRequire } from 'node:module';

import {
    FORM,
    JSON_TYPE,
    NOW,
    Scheme,
    URL,
    by,
    documented,
    fields,
    form,
    grouped,
    hmac,
    otherCharacter,
    random,
    sha256,
} from './judge.mjs';

const require = createRequire(import.meta.url);

const RECEIPT = [
    ['MessageSid', 'SM0123456789abcdef0123456789abcdef'],
    ['MessageStatus', 'delivered'],
    ['To', '+12125550101'],
    ['From', '+12125550100'],
];
const REPLY = [
    ['MessageSid', 'SM00000000000000000000000000000001'],
    ['From', '+12125550101'],
    ['To', '+12125550100'],
    ['Body', 'STOP 🛒 & more'],
];

await twilio('HMAC_SHA1');
await twilio('HMAC_SHA256');
await vonage('sha256');
await vonage('sha512');
await telnyx();
await plivo();
await sinch();
await bird();

async function twilio(algorithm) {
    const sdk = require('twilio');
    const webhooks = require('twilio/lib/webhooks/webhooks.js');
    const token = '0123456789abcdef0123456789abcdef';
    const parsed = (call) => (call.method === 'GET' ? {} : grouped(new URLSearchParams(call.body.toString())));
    const isJson = (call) => call.headers['content-type'] === 'application/json';
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'twilio',
        scheme: algorithm,
        by: by('twilio'),
        settings: { auth_token: token },
        judge(call) {
            const signature = call.headers['x-twilio-signature'];
            const named = webhooks.getSignatureAlgorithm(call.headers['x-twilio-webhooks-signature-settings'] ?? '');
            return isJson(call)
                ? sdk.validateRequestWithBody(token, signature, call.url, call.body.toString(), named)
                : sdk.validateRequest(token, signature, call.url, parsed(call), named);
        },
    });
    const settings =
        algorithm === 'HMAC_SHA1'
            ? {}
            : { 'x-twilio-webhooks-signature-settings': `key=webhooks_sharedkey_1,algorithm=${algorithm}` };
    const signed = ({ url = URL, method = 'POST', pairs = [], body, key = token, as = url }) => {
        const json = body !== undefined;
        const sign = webhooks.getExpectedTwilioSignature(
            key,
            as,
            json || method === 'GET' ? {} : grouped(pairs),
            algorithm,
        );
        return {
            url,
            method,
            headers: { ...(json ? JSON_TYPE : method === 'GET' ? {} : FORM), ...settings, 'x-twilio-signature': sign },
            body: json ? body : method === 'GET' ? '' : form(pairs),
        };
    };

    const receipt = signed({ url: `${URL}?ref=m1`, pairs: RECEIPT });
    await scheme.genuine('a receipt', receipt);
    await scheme.genuine('a reply', signed({ pairs: REPLY }));
    await scheme.genuine(
        'fields that come again',
        signed({ pairs: [...REPLY, ['Media', 'b'], ['Media', 'a'], ['Media', 'b']] }),
    );
    await scheme.genuine('a GET', signed({ method: 'GET', url: `${URL}?${form(RECEIPT)}` }));
    await scheme.genuine('an empty form', signed({ pairs: [] }));
    await scheme.genuine('signed with the port', signed({ pairs: RECEIPT, as: URL.replace('.com/', '.com:443/') }));
    await scheme.genuine(
        'signed without the port',
        signed({ pairs: RECEIPT, url: URL.replace('.com/', '.com:8443/'), as: URL }),
    );
    await scheme.genuine('a query with odd characters', signed({ url: `${URL}?a=%20b+c&d=%C3%BC&e`, pairs: RECEIPT }));
    const words = JSON.stringify({ status: 'delivered', text: 'Ünï' });
    const json = signed({ url: `${URL}?ref=m1&bodySHA256=${sha256(words).toString('hex')}`, body: words });
    await scheme.genuine('JSON', json);
    const dice = random(1);
    for (let round = 0; round < 30; round += 1) {
        await scheme.genuine(
            `form ${round}`,
            signed({ url: `${URL}?${form(fields(dice))}`, pairs: fields(dice, { again: true }) }),
        );
    }

    await scheme.bodyTurned(receipt);
    await scheme.bodyTurned(json);
    await scheme.signatureSpoilt(receipt, 'x-twilio-signature');
    await scheme.tampered('another token', signed({ pairs: RECEIPT, key: 'f123456789abcdef0123456789abcdef' }));
    await scheme.tampered('another address', { ...receipt, url: `${URL}?ref=m2` });
    await scheme.tampered('another host', { ...receipt, url: receipt.url.replace('cartback', 'cartbacc') });
    await scheme.tampered('http instead of https', { ...receipt, url: receipt.url.replace('https', 'http') });
    await scheme.tampered('a field more', { ...receipt, body: `${receipt.body}&Body=x` });
    await scheme.tampered('the hash of another body', {
        ...json,
        url: json.url.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
    });
    const other = algorithm === 'HMAC_SHA1' ? 'HMAC_SHA256' : 'HMAC_SHA1';
    for (const name of [other, 'HMAC_MD5', 'none']) {
        const headers = { ...receipt.headers, 'x-twilio-webhooks-signature-settings': `key=k,algorithm=${name}` };
        await scheme.tampered(`said to be ${name}`, { ...receipt, headers });
    }
}

// Vonage's signed SMS callbacks. The old SDK `nexmo` writes what is signed as the documentation does; the one after it,
// @vonage/auth 1.15, writes `a_b_c_d` for `&a=b&c=d` and encodes the values. MD5 and SHA-1, which the SDK knows as well,
// Cartback refuses. The SDK does not look at the time.
async function vonage(hash) {
    const HashGenerator = require('nexmo/lib/HashGenerator.js');
    const secret = 'Vq4sQ1LuNw8eYbT2aXc7';
    const generate = (key, pairs) => new HashGenerator().generate(hash, key, Object.fromEntries(pairs));
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'vonage',
        scheme: `HMAC ${hash}`,
        by: by('nexmo'),
        settings: { signature_secret: secret },
        judge(call) {
            const json = call.headers['content-type'] === 'application/json';
            const text = call.method === 'GET' ? call.url.split('?')[1] : call.body.toString();
            const given = json ? Object.entries(JSON.parse(text)) : [...new URLSearchParams(text)];
            const sent = given.find(([name]) => name === 'sig');
            return sent !== undefined && generate(secret, given) === sent[1];
        },
    });
    const stamped = (pairs) => [...pairs, ['timestamp', String(NOW - 5)]];
    const signed = (pairs, { key = secret, as = 'form' } = {}) => {
        const all = [...stamped(pairs), ['sig', generate(key, stamped(pairs))]];
        if (as === 'GET') return { method: 'GET', url: `${URL}?${form(all)}` };
        return as === 'json'
            ? { headers: JSON_TYPE, body: JSON.stringify(Object.fromEntries(all)) }
            : { headers: FORM, body: form(all) };
    };
    const receipt = [
        ['msisdn', '12125550101'],
        ['to', 'LumenOak'],
        ['messageId', '0A0000001234ABCD'],
        ['status', 'delivered'],
        ['client-ref', 'm1'],
        ['price', '0.03330000'],
    ];

    for (const as of ['form', 'json', 'GET']) {
        await scheme.genuine(`a receipt, ${as}`, signed(receipt, { as }));
        await scheme.genuine(
            `a reply with & and =, ${as}`,
            signed(
                [
                    ['msisdn', '12125550101'],
                    ['text', 'a=b & c == d 🛒'],
                    ['type', 'unicode'],
                ],
                { as },
            ),
        );
        await scheme.tampered(`another secret, ${as}`, signed(receipt, { as, key: `${secret}x` }));
    }
    const dice = random(2);
    for (let round = 0; round < 30; round += 1) {
        await scheme.genuine(`form ${round}`, signed(fields(dice), { as: dice.of(['form', 'json', 'GET']) }));
    }

    const good = signed(receipt);
    await scheme.bodyTurned(good);
    const swap = (from, to) => ({ ...good, body: good.body.replace(from, to) });
    await scheme.tampered('another status', swap('delivered', 'delivereD'));
    await scheme.tampered('another time', swap(String(NOW - 5), String(NOW - 4)));
    await scheme.tampered('a field more', { ...good, body: `${good.body}&text=x` });
    await scheme.tampered('a field less', swap('&client-ref=m1', ''));
    await scheme.tampered('a field renamed', swap('client-ref', 'client-reF'));
    await scheme.tampered('half a signature', { ...good, body: good.body.slice(0, -32) });
    await scheme.tampered('one character of the signature', {
        ...good,
        body: otherCharacter(good.body, good.body.length - 7),
    });
    await scheme.tampered('an empty signature', { ...good, body: good.body.replace(/sig=.*/, 'sig=') });
    await scheme.tampered('no signature', { ...good, body: good.body.replace(/&sig=.*/, '') });
}

// The last version 2, which verifies by tweetnacl; version 7 does so by WebCrypto and weighs five times as much. It takes
// bytes, and minds the time in one direction only.
async function telnyx() {
    const { default: Telnyx } = await import('telnyx');
    const sdk = new Telnyx('KEY_of_nobody');
    const pair = generateKeyPairSync('ed25519');
    const key = pair.publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('base64');
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'telnyx',
        scheme: 'Ed25519',
        by: by('telnyx'),
        settings: { public_key: key },
        judge(call) {
            const { 'telnyx-signature-ed25519': signature, 'telnyx-timestamp': time } = call.headers;
            const bytes = (text) => new Uint8Array(Buffer.from(text, 'base64'));
            const body = call.body.toString();
            return sdk.webhooks.signature.verifySignature(body, bytes(signature ?? ''), time, bytes(key), 300);
        },
    });
    const BODY = JSON.stringify({
        data: {
            event_type: 'message.finalized',
            id: 'b301ed3f-1490-491f-995f-6e64e69674d4',
            payload: { text: 'Ünï 🛒' },
        },
    });
    const signed = ({ body = BODY, time = String(NOW - 3), by: { privateKey } = pair } = {}) => ({
        headers: {
            ...JSON_TYPE,
            'telnyx-signature-ed25519': signBytes(null, Buffer.from(`${time}|${body}`), privateKey).toString('base64'),
            'telnyx-timestamp': time,
        },
        body,
    });
    const good = signed();
    await scheme.genuine('a receipt', good);
    await scheme.genuine('a body of one byte', signed({ body: '7' }));
    await scheme.genuine('an empty body', signed({ body: '' }));
    await scheme.genuine('four minutes old', signed({ time: String(NOW - 240) }));

    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'telnyx-signature-ed25519');
    await scheme.tampered('another key', signed({ by: generateKeyPairSync('ed25519') }));
    await scheme.tampered('another time', {
        ...good,
        headers: { ...good.headers, 'telnyx-timestamp': String(NOW - 2) },
    });
    await scheme.tampered('ten minutes old', signed({ time: String(NOW - 600) }));
    await scheme.tampered('the bar moved into the body', {
        ...good,
        headers: { ...good.headers, 'telnyx-timestamp': '' },
        body: `${NOW - 3}|${BODY}`,
    });
}

// The SDK only verifies; signed is by what plivo.com/docs says on V3.
async function plivo() {
    const sdk = require('plivo');
    const token = 'NmExYjJjM2Q0ZTVmNmE3YjhjOWQwZTFmMmEzYjRj';
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'plivo',
        scheme: 'V3',
        by: by('plivo'),
        settings: { auth_token: token },
        judge(call) {
            const { 'x-plivo-signature-v3': signature = '', 'x-plivo-signature-v3-nonce': nonce = '' } = call.headers;
            const params = call.method === 'GET' ? {} : grouped(new URLSearchParams(call.body.toString()));
            return sdk.validateV3Signature(call.method, call.url, nonce, token, signature, params);
        },
    });
    const sorted = (pairs) => [...pairs].sort(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1));
    const signed = ({
        method = 'POST',
        query = [],
        pairs = [],
        key = token,
        nonce = '12345678901234567890',
        before = '',
    }) => {
        const asked = sorted(query)
            .map(([name, value]) => `${name}=${value}`)
            .join('&');
        const posted = sorted(pairs).flat().join('');
        const whole = URL + (asked || posted ? '?' : '') + asked + (asked && posted ? '.' : '') + posted;
        const signature = hmac('sha256', key, `${whole}.${nonce}`).toString('base64');
        return {
            method,
            url: URL + (query.length ? `?${form(query)}` : ''),
            body: form(pairs),
            headers: {
                ...(method === 'GET' ? {} : FORM),
                'x-plivo-signature-v3': before + signature,
                'x-plivo-signature-v3-nonce': nonce,
            },
        };
    };
    const receipt = [
        ['MessageUUID', 'aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab'],
        ['Status', 'delivered'],
        ['To', '12125550101'],
        ['Units', '1'],
    ];
    const query = [['ref', 'm1']];
    const good = signed({ query, pairs: receipt });
    await scheme.genuine('a receipt', good);
    await scheme.genuine(
        'a reply, without a query',
        signed({
            pairs: [
                ['From', '12125550101'],
                ['Text', 'STOP & more = ok'],
                ['MessageUUID', 'x'],
            ],
        }),
    );
    await scheme.genuine('a GET', signed({ method: 'GET', query: [...receipt, ...query] }));
    await scheme.genuine('a GET without a query', signed({ method: 'GET' }));
    await scheme.genuine('a query and no form', signed({ query }));
    await scheme.genuine(
        'fields that come again',
        signed({
            query: [
                ['a', '2'],
                ['a', '1'],
            ],
            pairs: [
                ['b', '2'],
                ['b', '1'],
                ['b', '1'],
            ],
        }),
    );
    await scheme.genuine(
        'two signatures, of which the second holds',
        signed({ query, pairs: receipt, before: `${hmac('sha256', 'x', 'y').toString('base64')},` }),
    );
    const dice = random(3);
    for (let round = 0; round < 30; round += 1) {
        const pairs = fields(dice, { again: true });
        await scheme.genuine(
            `form ${round}`,
            signed(round % 2 ? { query: fields(dice), pairs } : { method: 'GET', query: pairs }),
        );
    }

    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'x-plivo-signature-v3');
    await scheme.tampered('another token', signed({ query, pairs: receipt, key: `${token}x` }));
    await scheme.tampered('another query', { ...good, url: `${URL}?ref=m2` });
    await scheme.tampered('another path', { ...good, url: good.url.replace('Vx3kQ9', 'Vx3kQ8') });
    await scheme.tampered('another host', { ...good, url: good.url.replace('cartback', 'cartbacc') });
    await scheme.tampered('another nonce', {
        ...good,
        headers: { ...good.headers, 'x-plivo-signature-v3-nonce': '12345678901234567891' },
    });
    await scheme.tampered('a field more', { ...good, body: `${good.body}&Text=x` });
    await scheme.tampered('a form moved into the query', { ...good, url: `${good.url}&${good.body}`, body: '' });
}

// The SDK does not look at the time.
async function sinch() {
    // By its file: the package as a whole wants all of Sinch's others.
    const {
        calculateWebhookSignature,
        computeSignedData,
        validateWebhookSignature,
    } = require('./node_modules/@sinch/sdk-client/dist/utils/authorization.helper.js');
    const secret = 'foo_secret1234';
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'sinch',
        scheme: 'HMAC',
        by: by('@sinch/sdk-client'),
        settings: { webhook_secret: secret },
        judge: (call) => validateWebhookSignature(secret, call.headers, call.body.toString()),
    });
    const BODY = JSON.stringify({
        type: 'recipient_delivery_report_sms',
        batch_id: '01FC66621XXXXX119Z8PMV1QPQ',
        status: 'Delivered',
        code: 0,
        note: 'Ünï 🛒',
    });
    const signed = ({
        body = BODY,
        key = secret,
        nonce = '01FJA8B4A7BM43YGWSG9GBV067',
        time = String(NOW - 3),
    } = {}) => ({
        headers: {
            ...JSON_TYPE,
            'x-sinch-webhook-signature': calculateWebhookSignature(computeSignedData(body, nonce, time), key),
            'x-sinch-webhook-signature-nonce': nonce,
            'x-sinch-webhook-signature-timestamp': time,
            'x-sinch-webhook-signature-algorithm': 'HmacSHA256',
        },
        body,
    });
    const good = signed();
    await scheme.genuine('a receipt', good);
    await scheme.genuine(
        'a reply',
        signed({
            body: JSON.stringify({
                type: 'mo_text',
                id: '01FC66621XXXXX119Z8PMV1QPR',
                from: '12125550101',
                body: 'STOP.',
            }),
        }),
    );
    await scheme.genuine('a body with dots', signed({ body: 'a.b.c' }));

    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'x-sinch-webhook-signature');
    await scheme.tampered('another secret', signed({ key: `${secret}x` }));
    for (const [name, value] of [
        ['nonce', '01FJA8B4A7BM43YGWSG9GBV068'],
        ['timestamp', String(NOW - 2)],
    ]) {
        const headers = { ...good.headers, [`x-sinch-webhook-signature-${name}`]: value };
        await scheme.tampered(`another ${name}`, { ...good, headers });
    }
}

// There is no SDK: this is the example of docs.bird.com, "Verifying a webhook subscription".
async function bird() {
    const key = 'a-signing-key-that-was-typed-in';
    const made = (secret, time, url, body) => hmac('sha256', secret, `${time}\n${url}\n`, sha256(body));
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'bird',
        scheme: 'HMAC',
        by: documented,
        settings: { signing_key: key },
        judge(call) {
            const { 'messagebird-signature': sent = '', 'messagebird-request-timestamp': time } = call.headers;
            return made(key, time, call.url, call.body).equals(Buffer.from(sent, 'base64'));
        },
    });
    const BODY = JSON.stringify({
        service: 'channels',
        event: 'sms.outbound',
        payload: { id: 'aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab', status: 'delivered', text: 'Ünï 🛒' },
    });
    const signed = ({ url = URL, body = BODY, secret = key, time = String(NOW - 3) } = {}) => ({
        url,
        body,
        headers: {
            ...JSON_TYPE,
            'messagebird-signature': made(secret, time, url, body).toString('base64'),
            'messagebird-request-timestamp': time,
        },
    });
    const good = signed();
    await scheme.genuine('a receipt', good);
    await scheme.genuine('an address with a query', signed({ url: `${URL}?a=%20b+c` }));
    await scheme.genuine('an empty body', signed({ body: '' }));

    await scheme.bodyTurned(good);
    await scheme.signatureSpoilt(good, 'messagebird-signature');
    await scheme.tampered('another key', signed({ secret: `${key}x` }));
    await scheme.tampered('another address', { ...good, url: `${URL}?` });
    await scheme.tampered('another time', {
        ...good,
        headers: { ...good.headers, 'messagebird-request-timestamp': String(NOW - 2) },
    });
}
