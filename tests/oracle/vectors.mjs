// Webhooks as the platforms send them, genuine and tampered with, one JSON object a line, for `tests/it/oracle.rs`. What
// is printed was judged by an implementation of the scheme that is not ours, in most cases the platform's own SDK: it
// took every genuine one and refused every other, or this script fails.
//
//     npm ci --ignore-scripts && node vectors.mjs

import { NOW, freeze } from './judge.mjs';

// Before any SDK is loaded: they read the clock, and what is printed must not depend on it.
freeze(NOW);

await import('./gateways.mjs');
await import('./tokens.mjs');
await import('./sns.mjs');
await import('./shops.mjs');
