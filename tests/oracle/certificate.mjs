// A certificate that its own key signed, as bytes of DER: Node reads certificates and makes none.

import { sign } from 'node:crypto';

const element = (tag, ...parts) => {
    const inside = Buffer.concat(parts);
    const short = inside.length < 0x80;
    const wide = inside.length > 0xff;
    const length = short
        ? [inside.length]
        : wide
          ? [0x82, inside.length >> 8, inside.length & 0xff]
          : [0x81, inside.length];
    return Buffer.concat([Buffer.from([tag, ...length]), inside]);
};
const sequence = (...parts) => element(0x30, ...parts);
const number = (value) => element(0x02, Buffer.from([value]));
const identifier = (hex) => element(0x06, Buffer.from(hex, 'hex'));
const bits = (bytes) => element(0x03, Buffer.from([0]), bytes);
const time = (text) => element(0x17, Buffer.from(text));

const COMMON_NAME = '550403';
const SHA256_WITH_RSA = '2a864886f70d01010b';

export function certificate({ publicKey, privateKey }) {
    const name = sequence(
        element(0x31, sequence(identifier(COMMON_NAME), element(0x0c, Buffer.from('sns.amazonaws.com')))),
    );
    const algorithm = sequence(identifier(SHA256_WITH_RSA), element(0x05));
    const told = sequence(
        element(0xa0, number(2)),
        number(1),
        algorithm,
        name,
        sequence(time('260101000000Z'), time('361231235959Z')),
        name,
        publicKey.export({ type: 'spki', format: 'der' }),
    );
    const whole = sequence(told, algorithm, bits(sign('RSA-SHA256', told, privateKey)));
    const lines = whole
        .toString('base64')
        .match(/.{1,64}/g)
        .join('\n');
    return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
