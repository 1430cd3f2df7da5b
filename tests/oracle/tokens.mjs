// What SMS providers call with a JSON web token that holds the hashes of what is called. One block per scheme.

import { createSecretKey } from 'node:crypto';
import { createRequire } from 'node:module';

import { verifySignature } from '@vonage/jwt';
import { SignJWT, UnsecuredJWT } from 'jose';
import { JSON_TYPE, NOW, Scheme, URL, by, sha256 } from './judge.mjs';

const require = createRequire(import.meta.url);
const jwt = (algorithm, key, claims) =>
    new SignJWT(claims).setProtectedHeader({ alg: algorithm, typ: 'JWT' }).sign(Buffer.from(key));
const unsigned = (claims) => new UnsecuredJWT(claims).encode();

await vonageMessages();
await messagebird();

// The SDK looks at the token; that its `payload_hash` must be the body's, Vonage's page "Signed webhooks" says. The SDK
// does not mind how old a token is unless it says itself when it ends.
async function vonageMessages() {
    const secret = 'Vq4sQ1LuNw8eYbT2aXc7ZkHd0RmJf5Gp';
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'vonagemessages',
        scheme: 'JWT HS256',
        by: by('@vonage/jwt'),
        settings: { signature_secret: secret },
        judge(call) {
            const token = (call.headers.authorization ?? '').replace(/^Bearer /, '');
            if (!verifySignature(token, secret)) return false;
            const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
            return claims.payload_hash === sha256(call.body).toString('hex');
        },
    });
    const body = JSON.stringify({
        message_uuid: 'aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab',
        status: 'delivered',
        channel: 'sms',
        to: '12125550101',
        text: 'Ünï 🛒',
    });
    const claims = {
        iat: NOW - 3,
        jti: 'c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5',
        iss: 'Vonage',
        payload_hash: sha256(body).toString('hex'),
        api_key: 'a1b2c3d4',
        application_id: 'aaaaaaaa-bbbb-cccc-dddd-0123456789ab',
    };
    const sent = (token) => ({ headers: { ...JSON_TYPE, authorization: `Bearer ${token}` }, body });
    const good = await jwt('HS256', secret, claims);
    await scheme.genuine('a status', sent(good));
    const reply = JSON.stringify({
        message_uuid: 'aaaaaaaa-bbbb-4ccc-8ddd-0123456789ac',
        from: '12125550101',
        text: 'STOP',
        channel: 'sms',
    });
    await scheme.genuine('a reply', {
        ...sent(await jwt('HS256', secret, { ...claims, payload_hash: sha256(reply).toString('hex') })),
        body: reply,
    });
    await scheme.genuine('an empty body', {
        ...sent(await jwt('HS256', secret, { ...claims, payload_hash: sha256('').toString('hex') })),
        body: '',
    });

    await scheme.bodyTurned(sent(good));
    await scheme.signatureSpoilt(sent(good), 'authorization', `Bearer ${good.slice(0, good.lastIndexOf('.') + 1)}`);
    await scheme.signatureSpoilt(sent(good), 'authorization', 'Bearer ');
    await scheme.tampered('another secret', sent(await jwt('HS256', `${secret}x`, claims)));
    await scheme.tampered('HS512', sent(await jwt('HS512', secret, claims)));
    await scheme.tampered('unsigned', sent(unsigned(claims)));
    await scheme.tampered(
        'the hash of another body',
        sent(await jwt('HS256', secret, { ...claims, payload_hash: sha256(`${body} `).toString('hex') })),
    );
    const { payload_hash: _, ...bare } = claims;
    await scheme.tampered('no hash', sent(await jwt('HS256', secret, bare)));
    await scheme.tampered(
        'of an hour ago, and over',
        sent(await jwt('HS256', secret, { ...claims, iat: NOW - 3600, exp: NOW - 3000 })),
    );
    const [head, , tail] = good.split('.');
    const other = Buffer.from(JSON.stringify({ ...claims, iat: NOW - 2 })).toString('base64url');
    await scheme.tampered('other claims under the same signature', sent(`${head}.${other}.${tail}`));
    const named = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'JWT' })).toString('base64url');
    await scheme.tampered('said to be RS256', sent([named, ...good.split('.').slice(1)].join('.')));
}

async function messagebird() {
    const sdk = require('messagebird/lib/webhook-signature-jwt.js');
    const key = 'PlLrKaqvZNRR5zAjm42ZT6q1SQxgbbGd';
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'messagebird',
        scheme: 'JWT',
        by: by('messagebird'),
        settings: { signing_key: key },
        judge: (call) =>
            sdk.verify(
                call.url,
                call.body,
                call.headers['messagebird-signature-jwt'] ?? '',
                createSecretKey(Buffer.from(key)),
            ),
    });
    const claims = (url, body, more = {}) => ({
        iss: 'MessageBird',
        nbf: NOW - 2,
        exp: NOW + 58,
        jti: 'c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5',
        url_hash: sha256(url).toString('hex'),
        ...(body.length ? { payload_hash: sha256(body).toString('hex') } : {}),
        ...more,
    });
    const receiptUrl = `${URL}?ref=m1&id=e8077d803532c0b5937c639b60216938&status=delivered&recipient=12125550101`;
    const signed = async ({
        method = 'POST',
        url = URL,
        body = '',
        algorithm = 'HS256',
        by: secret = key,
        more,
    } = {}) => ({
        method,
        url,
        body,
        headers: { 'messagebird-signature-jwt': await jwt(algorithm, secret, claims(url, body, more)) },
    });
    const body = JSON.stringify({ originator: '12125550101', body: 'STOP Ünï 🛒' });
    const receipt = await signed({ method: 'GET', url: receiptUrl });
    const reply = await signed({ body });
    await scheme.genuine('a receipt', receipt);
    await scheme.genuine('a reply', reply);
    await scheme.genuine('HS384', await signed({ body, algorithm: 'HS384' }));
    await scheme.genuine('HS512', await signed({ body, algorithm: 'HS512' }));
    await scheme.genuine('a query with odd characters', await signed({ url: `${URL}?a=%20b+c&d=%C3%BC&e`, body }));

    await scheme.bodyTurned(reply);
    const token = reply.headers['messagebird-signature-jwt'];
    await scheme.signatureSpoilt(reply, 'messagebird-signature-jwt', token.slice(0, token.lastIndexOf('.') + 1));
    await scheme.signatureSpoilt(receipt, 'messagebird-signature-jwt');
    await scheme.tampered('another key', await signed({ body, by: `${key}x` }));
    await scheme.tampered('another query', { ...receipt, url: receiptUrl.replace('delivered', 'deliverd') });
    await scheme.tampered('another host', { ...reply, url: URL.replace('cartback', 'cartbacc') });
    await scheme.tampered('a body where none was signed', { ...receipt, body: '{}' });
    await scheme.tampered('the body left out', { ...reply, body: '' });
    await scheme.tampered('of an hour ago', await signed({ body, more: { nbf: NOW - 3600, exp: NOW - 3540 } }));
    await scheme.tampered('of an hour from now', await signed({ body, more: { nbf: NOW + 3600, exp: NOW + 3660 } }));
    await scheme.tampered('of another issuer', await signed({ body, more: { iss: 'Bird' } }));
    await scheme.tampered('without its number', await signed({ body, more: { jti: undefined } }));
    await scheme.tampered('without the hash of the address', await signed({ body, more: { url_hash: undefined } }));
    await scheme.tampered('unsigned', {
        ...reply,
        headers: { 'messagebird-signature-jwt': unsigned(claims(URL, body)) },
    });
}
