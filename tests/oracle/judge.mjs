// What all schemes share: the clock that stands still, the judge, and the ways to tamper with a webhook.

import { createHash, createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** When every webhook here arrives, in Unix seconds. */
export const NOW = 1790000000;
export const URL = 'https://cartback.example.com/hook/g/Vx3kQ9';

/** One SDK prints what it refuses: what is printed for us must be nothing but webhooks. */
console.log = console.error = console.warn = () => {};

export function freeze(seconds) {
    const Real = Date;
    globalThis.Date = class extends Real {
        constructor(...given) {
            if (given.length === 0) super(seconds * 1000);
            else super(...given);
        }
        static now() {
            return seconds * 1000;
        }
    };
}

const dependencies = JSON.parse(readFileSync(new globalThis.URL('package.json', import.meta.url))).dependencies;

/** The package as it is named in `package.json`, with its version. */
export const by = (name) => {
    if (!dependencies[name]) throw new Error(`${name} is not in package.json`);
    return `${name}@${dependencies[name]}`;
};
/** For schemes of which there is no package: a second reading of the platform's documentation, in another language. */
export const documented = `documentation, node:crypto ${process.versions.node}`;

export const hmac = (hash, key, ...pieces) => {
    const mac = createHmac(hash, key);
    pieces.forEach((piece) => mac.update(piece));
    return mac.digest();
};
export const sha256 = (bytes) => createHash('sha256').update(bytes).digest();

/**
 * One scheme of one connector with its settings. `judge` is the other implementation, which says true or false of a
 * call, or throws. A call is {method, url, headers, body, keys}, the last being what the platform publishes.
 */
export class Scheme {
    constructor({ side, kind, scheme, by, settings, judge }) {
        Object.assign(this, { side, kind, scheme, by, settings, judge });
    }

    async genuine(what, call) {
        await this.#print(what, call, true);
    }

    /** Tampered with in ways that the other implementation minds as well. */
    async tampered(what, call) {
        await this.#print(what, call, false);
    }

    async #print(what, { method = 'POST', url = URL, headers = {}, body = '', keys }, genuine) {
        const call = { method, url, headers, body: Buffer.from(body), keys };
        let verdict, why;
        try {
            verdict = await this.judge(call);
        } catch (error) {
            [verdict, why] = [false, error];
        }
        if (verdict !== genuine) {
            const name = `${this.side} ${this.kind}, ${this.scheme}: ${what}`;
            throw new Error(`${name}: ${this.by} says ${verdict}, not ${genuine}`, { cause: why });
        }
        const { side, kind, scheme, settings, by } = this;
        const line = {
            side,
            kind,
            scheme,
            what,
            settings,
            method,
            url,
            headers: Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
            body: call.body.toString('base64'),
            received_at: NOW,
            genuine,
            by,
        };
        if (keys !== undefined) line.keys = Buffer.from(keys).toString('base64');
        process.stdout.write(`${JSON.stringify(line)}\n`);
    }

    /** The body with one bit of one byte turned over: at its beginning, in its middle, at its end. */
    async bodyTurned(call) {
        const bytes = Buffer.from(call.body);
        for (const at of new Set([0, bytes.length >> 1, bytes.length - 1])) {
            await this.tampered(`byte ${at} of the body turned`, { ...call, body: turned(bytes, at) });
        }
        await this.tampered('a byte after the body', { ...call, body: Buffer.concat([bytes, Buffer.from(' x')]) });
        await this.tampered('the body cut', { ...call, body: bytes.subarray(0, -1) });
    }

    /** The signature in this header, after `keep`, cut, changed, emptied and left out. */
    async signatureSpoilt(call, header, keep = '') {
        const value = call.headers[header];
        const put = (text) => ({ ...call, headers: { ...call.headers, [header]: keep + text } });
        const signature = value.slice(keep.length);
        const half = signature.length >> 1;
        await this.tampered('half a signature', put(signature.slice(0, half)));
        await this.tampered('a signature of four characters', put(signature.slice(0, 4)));
        await this.tampered('one character of the signature', put(otherCharacter(signature, half)));
        await this.tampered('the first character of the signature', put(otherCharacter(signature, 0)));
        await this.tampered('an empty signature', put(''));
        const { [header]: _, ...others } = call.headers;
        await this.tampered('no signature', { ...call, headers: others });
    }
}

export const turned = (bytes, at) => {
    const copy = Buffer.from(bytes);
    copy[at] ^= 1;
    return copy;
};

export const otherCharacter = (text, at) => text.slice(0, at) + (text[at] === '3' ? '4' : '3') + text.slice(at + 1);

/** Numbers that look random and are the same in every run. */
export function random(seed) {
    const next = () => {
        seed = (seed + 0x6d2b79f5) | 0;
        let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
    const below = (bound) => Math.floor(next() * bound);
    return { below, of: (list) => list[below(list.length)] };
}

const NAMES = ['From', 'To', 'Body', 'BodyX', 'body', 'Text', 'MessageSid', 'a', 'A', 'ref', 'Media.0', 'z_9', 'B-c'];
const WORDS = [
    '',
    ' ',
    '+12125550101',
    'Lumen & Oak',
    'a=b',
    'a&b=c',
    '100 %',
    '%41',
    'Ünï',
    '日本',
    '🛒',
    "it's",
    '~*()!',
    'x;y',
    '"',
    '\n',
    'a/b?c#d',
    '0',
];

/** Fields of a form, such as nobody would write by hand; names once each unless they may come again. */
export function fields(dice, { again = false } = {}) {
    const pairs = [];
    const names = new Set();
    for (let left = 1 + dice.below(6); left > 0; left -= 1) {
        const name = dice.of(NAMES);
        if (names.has(name) && !again) continue;
        names.add(name);
        pairs.push([name, dice.of(WORDS) + dice.of(WORDS)]);
    }
    return pairs;
}

export const form = (pairs) => new URLSearchParams(pairs).toString();

/** As frameworks hand forms to SDKs: a name that comes again has a list. */
export function grouped(pairs) {
    const object = {};
    for (const [name, value] of pairs) {
        object[name] = name in object ? [].concat(object[name], value) : value;
    }
    return object;
}

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
export const JSON_TYPE = { 'content-type': 'application/json' };
