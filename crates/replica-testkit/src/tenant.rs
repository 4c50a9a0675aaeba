//! A tenant of Entra that is made up: it signs tokens, and tells a sandbox whose to take.
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// Has one application, `app`, whose login is `sa`.
pub struct Tenant(EcdsaKeyPair);

impl Default for Tenant {
    fn default() -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("random bytes");
        Self(EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("a key"))
    }
}

impl Tenant {
    /// What a sandbox reads (`--accept-tokens`); `more`: an object of JSON whose values replace these.
    pub fn trust(&self, more: &str) -> String {
        let key = BASE64URL.encode(self.0.public_key());
        with(json!({"key": key, "tenant": "t", "users": {"app": "sa"}}), more).to_string()
    }

    /// A token of the application's for Azure SQL, without an end; `claims`: an object of JSON whose values replace its own.
    pub fn token(&self, claims: &str) -> String {
        let own = json!({
            "aud": "https://database.windows.net/", "tid": "t", "appid": "app", "nbf": 1, "exp": 9_999_999_999u64,
        });
        let part = |json: &Value| BASE64URL.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "ES256", "typ": "JWT"})), part(&with(own, claims)));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).expect("random bytes");
        format!("{signed}.{}", BASE64URL.encode(signature))
    }
}

fn with(mut own: Value, more: &str) -> Value {
    let more: Value = serde_json::from_str(more).expect("JSON");
    for (name, value) in more.as_object().expect("an object") {
        own[name] = value.clone();
    }
    own
}
