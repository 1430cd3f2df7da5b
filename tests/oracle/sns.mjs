// What an Amazon SNS topic posts, in both versions of its signature.

import { constants, generateKeyPairSync, sign as signBytes } from 'node:crypto';
import https from 'node:https';
import { createRequire } from 'node:module';
import { PassThrough } from 'node:stream';

import { certificate } from './certificate.mjs';
import { NOW, Scheme, by, otherCharacter } from './judge.mjs';

const require = createRequire(import.meta.url);

await sns('1');
await sns('2');

// Amazon SNS. Left out: `UnsubscribeConfirmation`, of which AWS's guide signs the token and this package does not.
async function sns(version) {
    const Validator = require('sns-validator');
    const validator = new Validator();
    const hash = version === '1' ? 'RSA-SHA1' : 'RSA-SHA256';
    const topic = 'arn:aws:sns:eu-west-1:123456789012:cartback';
    const address = `https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef${version}.pem`;
    const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const keys = certificate(pair);
    const get = https.get;
    // The certificate of this address, without the network.
    https.get = (url, answered) => {
        const answer = new PassThrough();
        answer.statusCode = url === address ? 200 : 404;
        answered(answer);
        answer.end(keys);
        return { on() {} };
    };
    const scheme = new Scheme({
        side: 'gateway',
        kind: 'aws',
        scheme: `SNS version ${version}`,
        by: by('sns-validator'),
        settings: { topic_arn: topic },
        judge: (call) =>
            new Promise((resolve, reject) => {
                validator.validate(call.body.toString(), (error) => (error ? reject(error) : resolve(true)));
            }),
    });
    const told = (note) => {
        const names =
            note.Type === 'Notification'
                ? ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type']
                : ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'];
        return names
            .filter((name) => name in note)
            .map((name) => `${name}\n${note[name]}\n`)
            .join('');
    };
    const sealed = (note, { privateKey } = pair) => ({
        ...note,
        SignatureVersion: version,
        Signature: signBytes(hash, Buffer.from(told(note)), {
            key: privateKey,
            padding: constants.RSA_PKCS1_PADDING,
        }).toString('base64'),
        SigningCertURL: address,
    });
    const sent = (note) => ({
        headers: { 'content-type': 'text/plain; charset=UTF-8' },
        body: JSON.stringify(note),
        keys,
    });
    const note = {
        Type: 'Notification',
        MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
        TopicArn: topic,
        Message: JSON.stringify({ eventType: 'TEXT_DELIVERED', messageId: 'm1', note: 'Ünï 🛒\nTopicArn' }),
        Timestamp: new Date((NOW - 3) * 1000).toISOString(),
    };
    const subscription = {
        ...note,
        Type: 'SubscriptionConfirmation',
        Token: '2336412f37',
        Message: 'You have chosen to subscribe.',
        SubscribeURL: `https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=${topic}&Token=2336412f37`,
    };
    const good = sealed(note);
    await scheme.genuine('a receipt', sent(good));
    await scheme.genuine('a subject', sent(sealed({ ...note, Subject: 'My & subject' })));
    await scheme.genuine('words and no JSON', sent(sealed({ ...note, Message: 'a\nb' })));
    await scheme.genuine(
        'what nobody signs',
        sent({ ...good, UnsubscribeURL: 'https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe' }),
    );
    await scheme.genuine('a subscription', sent(sealed(subscription)));

    for (const name of ['Message', 'MessageId', 'TopicArn', 'Timestamp']) {
        const other = name === 'Timestamp' ? new Date((NOW - 2) * 1000).toISOString() : `${good[name]}x`;
        await scheme.tampered(`another ${name}`, sent({ ...good, [name]: other }));
        const { [name]: _, ...rest } = good;
        await scheme.tampered(`no ${name}`, sent(rest));
    }
    await scheme.tampered('a subject that nobody signed', sent({ ...good, Subject: 'x' }));
    await scheme.tampered('another kind', sent({ ...sealed(subscription), Type: 'Notification' }));
    await scheme.tampered(
        'another address to confirm',
        sent({ ...sealed(subscription), SubscribeURL: `${subscription.SubscribeURL}x` }),
    );
    await scheme.tampered('another key', sent(sealed(note, generateKeyPairSync('rsa', { modulusLength: 2048 }))));
    await scheme.tampered('half a signature', sent({ ...good, Signature: good.Signature.slice(0, 172) }));
    await scheme.tampered(
        'one character of the signature',
        sent({ ...good, Signature: otherCharacter(good.Signature, 99) }),
    );
    await scheme.tampered('an empty signature', sent({ ...good, Signature: '' }));
    await scheme.tampered('the other version', sent({ ...good, SignatureVersion: version === '1' ? '2' : '1' }));
    await scheme.tampered('a version of nobody', sent({ ...good, SignatureVersion: '3' }));
    for (const foreign of [
        'https://sns.eu-west-1.amazonaws.com.example.com/SimpleNotificationService-0.pem',
        'http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem',
        'https://sns.s3.amazonaws.com.evil/a.pem',
    ]) {
        await scheme.tampered(`a certificate of ${foreign}`, sent({ ...good, SigningCertURL: foreign }));
    }
    https.get = get;
}
