//! A body and its signatures, made once with OpenSSL; the private keys were thrown away.

/// The public key of the first signature.
pub(super) const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzeWSPEFvaJA+9HtnP4lA\n\
5SsbQDfzxBuzP/O8HdtGJMQPAsbJpkDMTlUqcv2xCHPOUxRInzeqJucV32RC7T7d\n\
zyGh8GvtlJbi74mgL7IKWvntsTV46txhX1sk6r/obQCHgiWYgdsor7gDbS9ak4dc\n\
YgeRAvMlgnVOpAcupLG0X5yLrQbLXzWwfBgb1dvmUikH4pHA00l+W/o6w4ggl3ZT\n\
7CkZDOkyBr67fBqwmfvu/Sb8qtdOjpJpgr90QyUb5qAWi2xp87JFdfAiF+FFyK4R\n\
K4cMtWtaLnluzDiPNYAjhGAdyLyGkSRdiAiIo+4w1inlSaPfbVCYnix+l2vKRhYT\n\
YwIDAQAB\n\
-----END PUBLIC KEY-----\n";
/// Another.
pub(super) const OTHER_KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtNTl1cvwXzAIUr3DktRI\n\
+qPYR4Ergl2EP3QCyClkrDL0PWAyHoX8v177sE6uEOOTVryL1hTJB5Mg6380N4T3\n\
AXap0ViQw4mJKKIaaoPFDvJrUhqTDGQlOvcteauRgn1pIL2eP4iz4FUlZM9ZHSUC\n\
dFtK56mEDxMTElR+mSI77Oyzkq3YSRWDwkKtYx9HtGhnog/wirtNfFvOptPo6RZO\n\
NK0HSc/h21xo8XbrNbLpmtjNyhgkE+bYdUIVRUz3W55s3GKjJ6k71TWMqWY2F56m\n\
F9wMtgADZuaqVvwadB6Lo+jPo/4cD83rGpQ3KYIPccZ4hrHcpNLEPUTgdnN231fL\n\
YwIDAQAB\n\
-----END PUBLIC KEY-----\n";
pub(super) const BODY: &str = r#"{"specversion":"1.0","id":"6b6f2c1e-0001","type":"com.adobe.commerce.observer.sales_quote_save_after","source":"urn:uuid:0001","time":"2026-03-01T11:59:00Z","data":{"value":{"entity_id":"4711","is_active":1}},"recipientclientid":"lumenandoak0123456789abcdef"}"#;
/// Of `BODY`, under `KEY`.
pub(super) const SIGNATURE: &str = "\
    EGtRNUdV1B3FqTOxOjF2cdRc0dygWuX73WZsqEaUAaomyve0hwi2xqjjqm+CjM35b+PogwBZuPfd0uKHsz2vGc0UGAa/Qn7zkXhq\
    0NgE7j21XTxmlMFaNlwANFoBqZhnNVfjc1Kn3W0PcITUGDRW440jLCyFL5Q2vZkpLwDLM000j1VM6zNAhdZcgWABcWL5dg5cfGqQ\
    NKLt1jnQdN18ntJi/YqABIjzYu3byUMsEKXRLxPkPz3H04q7IRENiu24V5YwYHhEfu24yPYUy8XS7c6gutB+8JWYDk6x0kr2Dv/B\
    LDi4ZfjDwLQkBvOEE+yZRERvtyAWIbjoL0lOAn2FXw==";
pub(super) const FOREIGN_BODY: &str = r#"{"specversion":"1.0","id":"6b6f2c1e-0001","type":"com.adobe.commerce.observer.sales_quote_save_after","source":"urn:uuid:0001","time":"2026-03-01T11:59:00Z","data":{"value":{"entity_id":"4711","is_active":1}},"recipientclientid":"somebodyelse0123456789abcd"}"#;
/// Of `FOREIGN_BODY`, which is for another client, under `KEY`.
pub(super) const FOREIGN_SIGNATURE: &str = "\
    ilp8duf3NyyPbbg9SW+deX7eT9gydYUnQy49feQzWdr00X1rEXrA2xvg6dOnpNblikEKM026SOxA2SkYUCvKLrbxiQkMbOa1yl0G\
    x+svYwpmfORFbgDDcbMobI8T6cMorldgzmiRLguLxwSZ0R+lsyQjUGJGJv8A96/HdzhXv6QVcgEKoY8UT/tTw/OQREzO2jFmJsPA\
    JiG3xq/eHF92zFa+/Ev07YA5etI+3Tya0nWJz1ARnM2kU9gksdW3PKIDVkRiaTVWLIsjPNpnDDo4niO5fqAUkE2/AbBU5w9xd3SN\
    ZShNh4st5RiELsflgpXAJfcDpFx8GHumo0CCUdLaEQ==";
