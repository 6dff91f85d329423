//! Every rule of ours finds what it must, and is silent about what it must not. Values are made up here, letter by letter, so that
//! these sources hold nothing of the form.

use std::collections::BTreeSet;

use avouch_model::Digest;

use super::*;
use crate::{Key, Place, Scanner};

/// Texts that a rule must find something in: the rule, the path, the text. `‹alphabet:count›` stands for so many letters of an
/// alphabet; `|` within a word is left out, so that the beginnings of tokens do not stand here as they are.
const FOUND: &[(&str, &str, &str)] = &[
    ("aws-access-token", "a.ts", "id = 'AK|IA‹base32:16›'"),
    ("aws-secret-key", "a.sh", "export AWS_SECRET_ACCESS_KEY=\"‹base64:40›\""),
    ("aws-secret-key", "c.json", "{\"SecretAccessKey\": \"‹base64:40›\"}"),
    ("aws-bedrock-api-key", "a.ts", "ABSK|‹base64:132›"),
    ("gcp-api-key", "a.ts", "key=AI|za‹word:35›"),
    ("gcp-oauth-client-secret", "a.json", "\"GOCSPX|-‹word:28›\""),
    ("gcp-oauth-access-token", "a.txt", "ya29|.‹word:120›"),
    ("azure-ad-client-secret", "a.txt", "x: '‹alnum:3›8Q|~‹alnum:34›'"),
    ("azure-storage-account-key", "a.cfg", "AccountName=x;AccountKey=‹base64:86›==;EndpointSuffix=core"),
    ("azure-sas-signature", "a.txt", "?sv=2024-05-04&ss=b&srt=s&sp=r&sig=‹alnum:43›%3D"),
    ("cloudflare-api-token", "a.sh", "CLOUDFLARE_API_TOKEN=‹word:40›"),
    (
        "cloudflare-token-in-call",
        "a.sh",
        "curl https://api.cloudflare.com/client/v4/zones \\\n  -H \"Authorization: Bearer ‹word:40›\"\n",
    ),
    (
        "cloudflare-token-in-call",
        "a.sh",
        "curl -H 'Authorization: Bearer ‹word:40›' https://api.cloudflare.com/client/v4/zones\n",
    ),
    ("cloudflare-scannable-token", "a.txt", "cf|ut_‹alnum:48›"),
    ("cloudflare-global-api-key", "a.txt", "X-Auth-Key: ‹hex:37›"),
    ("cloudflare-origin-ca-key", "a.txt", "v1.0-|‹hex:24›-‹hex:146›"),
    ("digitalocean-token", "a.txt", "dop|_v1_‹hex:64›"),
    ("heroku-api-key", "a.txt", "HRKU|-‹word:60›"),
    ("flyio-access-token", "a.txt", "fo1|_‹word:43›"),
    ("netlify-access-token", "a.txt", "nfp|_‹alnum:36›"),
    ("render-api-key", "a.txt", "rnd|_‹alnum:32›"),
    ("supabase-key", "a.txt", "sbp|_‹hex:40›"),
    ("planetscale-credential", "a.txt", "pscale|_pw_‹word:43›"),
    ("neon-api-key", "a.txt", "napi|_‹lower:64›"),
    ("databricks-api-token", "a.txt", "dapi|‹hex:32›"),
    ("alibaba-access-key-id", "a.txt", "LTAI|‹alnum:20›"),
    ("tencent-secret-id", "a.txt", "AKID|‹alnum:32›"),
    ("hashicorp-vault-token", "a.txt", "hvs|.‹word:95›"),
    ("hashicorp-tf-api-token", "a.txt", "‹alnum:14›.atlas|v1.‹alnum:67›"),
    ("pulumi-api-token", "a.txt", "pul|-‹hex:40›"),
    ("doppler-api-token", "a.txt", "dp.st|.dev.‹alnum:43›"),
    ("infisical-token", "a.txt", "st|.‹hex:24›.‹hex:32›.‹hex:32›"),
    ("tailscale-key", "a.txt", "tskey|-auth-‹alnum:16›-‹alnum:32›"),
    ("ngrok-credential", "ngrok.yml", "ngrok_authtoken: ‹alnum:27›_‹alnum:21›"),
    ("github-pat", "a.md", "gh|p_‹alnum:36›"),
    ("github-fine-grained-pat", "a.md", "github|_pat_‹alnum:22›_‹alnum:59›"),
    ("github-oauth", "a.md", "gh|o_‹alnum:36›"),
    ("github-app-token", "a.md", "gh|s_‹alnum:36›"),
    ("github-refresh-token", "a.md", "gh|r_‹alnum:76›"),
    ("gitlab-pat", "a.txt", "gl|pat-‹alnum:20›"),
    ("gitlab-token", "a.txt", "gl|rt-‹alnum:20›"),
    ("bitbucket-app-password", "a.txt", "AT|BB‹alnum:28›5F2A9C01"),
    ("atlassian-api-token", "a.txt", "ATATT3x|FfGF0‹word:170›=7C1D9E42"),
    ("npm-access-token", ".npmrc", "x=npm|_‹alnum:36›"),
    ("npmrc-auth", ".npmrc", "//registry.example.org/:_auth|Token=‹word:44›"),
    ("npmrc-auth", ".yarnrc.yml", "npmAuthToken: \"‹word:44›\""),
    ("npmrc-auth", "Dockerfile", "RUN echo //registry.corp.net/:_auth|Token=‹word:44› > .npmrc"),
    ("npmrc-own-auth", "web/.npmrc", "_auth = ‹base64:32›"),
    ("npmrc-own-auth", ".npmrc", "_password=\"‹base64:20›\""),
    ("pypi-upload-token", "a.txt", "pypi|-AgEIcHlwaS5vcmc‹word:120›"),
    ("rubygems-api-token", "a.txt", "rubygems|_‹hex:48›"),
    ("crates-api-token", "a.toml", "token = \"cio|‹alnum:32›\""),
    ("docker-hub-token", "a.txt", "dckr|_pat_‹word:27›"),
    ("docker-config-auth", "config.json", "{\"auths\": {\"r.example.org\": {\"auth\": \"‹base64:44›\"}}}"),
    ("nuget-api-key", "a.txt", "oy2|‹lower:43›"),
    ("artifactory-credential", "a.txt", "AKCp|‹alnum:69›"),
    ("circleci-token", "a.txt", "CCIPAT|_‹alnum:22›_‹hex:40›"),
    ("buildkite-token", "a.txt", "bkua|_‹hex:40›"),
    ("sonar-token", "a.txt", "squ|_‹hex:40›"),
    ("postman-api-key", "a.txt", "PMAK|-‹hex:24›-‹hex:34›"),
    ("linear-api-key", "a.txt", "lin_api|_‹alnum:40›"),
    ("openai-api-key", "a.py", "sk-|proj-‹word:74›T3Blbk|FJ‹word:74›"),
    ("anthropic-api-key", "a.py", "sk-|ant-api03-‹word:93›AA"),
    ("openrouter-api-key", "a.py", "sk-|or-v1-‹hex:64›"),
    ("sk-api-key", "a.py", "sk-|‹hex:32›"),
    ("huggingface-access-token", "a.py", "hf|_‹alpha:34›"),
    ("replicate-api-token", "a.py", "r8|_‹alnum:37›"),
    ("groq-api-key", "a.py", "gsk|_‹alnum:52›"),
    ("xai-api-key", "a.py", "xai|-‹alnum:80›"),
    ("perplexity-api-key", "a.py", "pplx|-‹alnum:48›"),
    ("nvidia-api-key", "a.py", "nvapi|-‹word:64›"),
    ("cerebras-api-key", "a.py", "csk|-‹lower:48›"),
    ("langsmith-api-key", "a.py", "lsv2|_pt_‹hex:32›_‹hex:10›"),
    ("pinecone-api-key", "a.py", "pcsk|_‹alnum:6›_‹alnum:63›"),
    ("tavily-api-key", "a.py", "tvly|-dev-‹alnum:32›"),
    ("firecrawl-api-key", "a.py", "fc|-‹hex:32›"),
    ("elevenlabs-api-key", "a.py", "sk|_‹hex:48›"),
    ("fireworks-api-key", "a.py", "fw|_7‹alnum:23›"),
    ("stripe-access-token", "a.rb", "sk|_live_‹alnum:99›"),
    ("stripe-access-token", "a.rb", "rk|_test_‹alnum:24›"),
    ("webhook-signing-secret", "a.rb", "whsec|_‹base64:32›"),
    ("square-credential", "a.rb", "sq0csp|-‹word:43›"),
    ("braintree-access-token", "a.rb", "access_token|$production$‹lower:16›$‹hex:32›"),
    ("razorpay-key", "a.rb", "rzp|_live_‹alnum:14›"),
    ("plaid-access-token", "a.rb", "access|-production-‹hex:8›-‹hex:4›-‹hex:4›-‹hex:4›-‹hex:12›"),
    ("shopify-token", "a.rb", "shpat|_‹hex:32›"),
    ("slack-token", "a.rb", "xox|b-519372048166-7730194852617-‹alnum:24›"),
    ("slack-webhook-url", "a.rb", "https://hooks.slack|.com/services/T01KQ7ZRMWX/B05NV2HTPLD/‹alnum:24›"),
    ("discord-webhook-url", "a.rb", "https://discord.com/api/web|hooks/519372048166730194/‹word:68›"),
    ("discord-bot-token", "a.rb", "discord.login('M‹alnum:25›.‹word:6›.‹word:38›')"),
    ("telegram-bot-token", "a.rb", "7519372048:|AA‹word:33›"),
    (
        "teams-webhook-url",
        "a.rb",
        "https://x.webhook.office.com/webhookb2/‹hex:8›-‹hex:4›-‹hex:4›-‹hex:4›-‹hex:12›@‹hex:8›-‹hex:4›-‹hex:4›-‹hex:4›-‹hex:12›/IncomingWebhook/‹hex:32›/‹hex:8›-‹hex:4›-‹hex:4›-‹hex:4›-‹hex:12›",
    ),
    ("twilio-api-key", "a.rb", "S|K‹hex:32›"),
    ("twilio-api-key", "a.rb", "TWILIO_AUTH_TOKEN=‹hex:32›"),
    ("sendgrid-api-token", "a.rb", "S|G.‹word:22›.‹word:43›"),
    ("mailgun-api-key", "a.rb", "mailgun key-|‹hex:32›"),
    ("mailchimp-api-key", "a.rb", "‹hex:32›-|us21"),
    ("resend-api-key", "a.rb", "re|_‹alnum:8›_‹alnum:24›"),
    ("brevo-api-key", "a.rb", "xkeysib|-‹hex:64›-‹alnum:16›"),
    ("facebook-access-token", "a.rb", "EAAM|‹alnum:160›"),
    ("twitter-bearer-token", "a.rb", "AAAAAAAAAAA|AAAAAAAAAAA‹alnum:82›"),
    ("notion-api-token", "a.rb", "ntn|_51937204816‹alnum:35›"),
    ("airtable-personal-access-token", "a.rb", "pat|‹alnum:14›.‹hex:64›"),
    ("figma-token", "a.rb", "figd|_‹word:40›"),
    ("grafana-token", "a.rb", "glsa|_‹alnum:32›_‹hex:8›"),
    ("new-relic-key", "a.rb", "NRAK|-‹alnum:27›"),
    ("sentry-token", "a.rb", "sntryu|_‹hex:64›"),
    ("datadog-key", "a.rb", "DD_API_KEY=‹hex:32›"),
    ("dynatrace-token", "a.rb", "dt0c01|.‹base32:24›.‹base32:64›"),
    ("pagerduty-credential", "a.rb", "pagerduty_api_key = \"u+‹alnum:18›\""),
    ("contentful-token", "a.rb", "CFPAT|-‹word:43›"),
    ("typeform-token", "a.rb", "tfp|_‹word:44›"),
    ("launchdarkly-key", "a.rb", "sdk|-‹hex:8›-‹hex:4›-‹hex:4›-‹hex:4›-‹hex:12›"),
    ("okta-access-token", "a.rb", "Authorization: SSWS 00‹word:40›"),
    ("onepassword-service-account-token", "a.rb", "ops_ey|J‹base64:300›"),
    ("onepassword-secret-key", "a.rb", "A3-|‹base32:6›-‹base32:6›-‹base32:5›-‹base32:5›-‹base32:5›-‹base32:5›"),
    ("mapbox-secret-token", "a.rb", "sk.ey|J1‹word:80›.‹word:22›"),
    ("private-key", "deploy.sh", "-----BEGIN PRI|VATE KEY-----\n‹base64:64›\n‹base64:44›\n-----END PRI|VATE KEY-----\n"),
    ("private-key", "a.json", "\"-----BEGIN RSA PRI|VATE KEY-----\\n‹base64:64›\\n‹base64:64›\\n\""),
    (
        "private-key",
        "a.asc",
        "-----BEGIN PGP PRI|VATE KEY BLOCK-----\nVersion: x\n\n‹base64:64›\n‹base64:64›\n-----END PGP PRI|VATE KEY BLOCK-----\n",
    ),
    ("private-key", "a.ts", "k =\n  '-----BEGIN EC PRI|VATE KEY-----\\n' +\n  '‹base64:64›\\n' +\n  '‹base64:64›\\n'"),
    (
        "putty-private-key",
        "a.ppk",
        "PuTTY-User-Key|-File-3: ssh-ed25519\nEncryption: none\nComment: x\nPublic-Lines: 1\n‹base64:64›\nPrivate-Lines: 1\n‹base64:48›\n",
    ),
    ("age-secret-key", "a.txt", "AGE-SECRET|-KEY-1‹bech32:58›"),
    ("minisign-secret-key", "a.key", "untrusted comment: minisign encrypted secret key\nRW|‹base64:200›"),
    ("wireguard-private-key", "wg0.conf", "[Interface]\nPrivateKey = ‹base64:42›E=\n"),
    ("avouch-key", "a.key", "PRIVATE|+KEY+trust.corp.net/1+‹hex:8›+‹base64:44›"),
    ("jwk-private-key", "a.json", "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"‹word:43›\",\"d\":\"‹word:43›\"}"),
    ("jwt", "a.http", "ey|JhbGciOiJIUzI1NiJ9.ey|J‹word:60›.‹word:43›"),
    ("certificate", "a.pem", "-----BEGIN CERTI|FICATE-----\n‹base64:64›\n"),
    ("env-file-secret", ".env", "DB_PASSWORD=s3cr3t-Pa55!\n"),
    ("env-file-secret", "apps/api/.dev.vars", "A=1\nexport SESSION_SECRET=\"‹hex:32›\"\n"),
    ("env-file-secret", ".env.example", "JWT_SECRET=‹hex:32›\n"),
    ("env-file-entropy", ".env.production", "SOMETHING_ODD=‹alnum:40›\n"),
    ("config-var-secret", "wrangler.toml", "[vars]\nADMIN_KEY = \"s3cr3t-Ab9\"\n"),
    ("config-var-secret", "wrangler.jsonc", "{ \"vars\": {\n \"OPENAI_API_KEY\": \"q9w8e7r6t5\" } }"),
    ("config-var-secret", "infisical.json", "{\n  \"workspaceId\": \"x\",\n  \"clientSecret\": \"‹hex:64›\"\n}"),
    (
        "kubernetes-secret-yaml",
        "k8s/s.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\ntype: Opaque\ndata:\n  # why\n  password: ‹base64:24›\n",
    ),
    ("kubernetes-secret-yaml", "k8s/s.yml", "apiVersion: v1\ndata:\n  token: ‹base64:40›\nkind: Secret\n"),
    ("kubernetes-secret-yaml", "k8s/s.yml", "kind: Secret\nstringData:\n  token: ‹alnum:30›\n"),
    ("kubeconfig-key", "config", "users:\n- user:\n    client-key-data: ‹base64:200›\n"),
    ("url-credential", "package-lock.json", "\"resolved\": \"https:/|/bot:‹alnum:24›@npm.corp.net/a.tgz\""),
    ("url-credential", "a.ts", "postgres:/|/svc:q9W8e7R6@db1.prod.internal:5432/x"),
    ("url-credential", "a.yml", "postgres:/|/admin:Xk29fm|Qz81LpVw@heroku-prod.acme.io:5432/app"),
    ("url-credential", "yarn.lock", "resolved \"https:/|/ci:Zk4Jd8|2hQpLm9TvB@harbor.acme.io/a/-/a-1.0.0.tgz\""),
    ("url-credential", "b.txt", "REDIS: redis:/|/x:Zk4Jd8|2hQpLm9TvB@hub.acme.io"),
    ("url-credential", "b.txt", "amqp:/|/x:Zk4Jd8|2hQpLm9TvB@localhost.acme.io amqp:/|/y:z@localhost"),
    ("url-credential", "b.txt", "redis:/|/x:Zk4Jd8|2hQpLm9TvB@example-prod.acme.io."),
    ("url-credential", "b.txt", "redis:/|/x:Zk4Jd8|2hQpLm9TvB@[2001:db8::7]:6379"),
    ("url-token", "pnpm-lock.yaml", "tarball: https://‹alnum:40›@git.corp.net/x.tgz"),
    ("netrc-password", ".netrc", "machine git.corp.net login bot password q9W8e7R6"),
    ("pypirc-password", ".pypirc", "[pypi]\nusername = bot\npassword = q9W8e7R6\n"),
    ("git-credentials", ".git-credentials", "https:/|/bot:q9W8e7R6@git.corp.net\n"),
    ("htpasswd", ".htpasswd", "bot:$2y$05$‹alnum:53›\n"),
    (
        "sql-dump",
        "backup.sql",
        "--\n-- PostgreSQL database dump\n--\nSET x;\nCOPY public.users (id, mail) FROM stdin;\n1\ta@b.c\n\\.\n",
    ),
    (
        "sql-dump",
        "d.txt",
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE a(b);\nINSERT INTO a VALUES('some data');\n",
    ),
    ("sql-dump", "d.sql", "-- MySQL dump 10.13\n--\nINSERT INTO `users` VALUES (1,'x');\n"),
    (
        "sql-dump",
        "app.sql",
        "PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE d1_migrations(a);\nINSERT INTO \"d1_migrations\" VALUES(1,'0001.sql');\nINSERT INTO \"users\" VALUES(1,'a@b.c');\n",
    ),
    ("config-var-secret", "wrangler.jsonc", "{ \"vars\": { \"LEVEL\": \"info\", \"ADMIN_KEY\": \"Xk29fm|Qz81LpVw\" } }"),
    ("terraform-state-secret", "x.tfstate", "{\"password\": \"q9W8e7R6t5\"}"),
    ("authorization-header", "a.http", "Authorization: Bearer ‹word:40›"),
    ("oauth-client-secret", "a.mjs", "github: { clientId: id, client|Secret: '‹hex:40›' }"),
    ("oauth-client-secret", "a.txt", "GITHUB_CLIENT|_SECRET=‹hex:40›\n"),
    ("documented-assignment", "a.md", "| name | until Friday `BROKER|_TOKEN=‹hex:40›` |\n"),
    ("generic-api-key", "a.ts", "const apiKey = \"‹alnum:32›\";"),
    ("generic-api-key", "a.py", "app_secret='‹alnum:40›'"),
    // Random base64 with slashes and no other sign is no path.
    ("generic-api-key", "smoke.sh", "API_KEY=\"‹alnum:9›4Q/‹alnum:18›/w7Gk\""),
    ("generic-api-key", "smoke.sh", "API_KEY=\"/‹alnum:9›4Q/‹alnum:22›w7Gk\""),
    ("generic-assignment", "smoke.sh", "API_KEY=‹alnum:16›K2x/‹alnum:20›\n"),
    ("generic-api-key", "tenant.config.json", "{\"apiKey\": \"ck|_live_7‹lower:25›\"}"),
    ("generic-assignment", "deploy.sh", "export CK_KEY=ck|_live_7‹base32:25›\n"),
    ("env-file-secret", ".env", "DB_PASSWORD=Xk29fm|Qz81LpVw"),
    ("generic-api-key", "a.py", "new_password = \"Xk29fm|Qz81LpVw\""),
    ("password-assignment", "a.yml", "password: Xk29fm|Qz81LpVw"),
    ("password-assignment", "a.yml", "db:\n  dbPassword: \"p9!Xk2-q\"  # why\n"),
    ("password-assignment", "dc.yml", "   - MYSQL_ROOT_PASSWORD=Xk29fm|Qz81LpVw"),
    ("password-assignment", "b.properties", "spring.datasource.password=Xk29fm|Qz81LpVw\r"),
    ("password-assignment", "g.ini", "[db]\npassword = Xk29fm|Qz81LpVw"),
    ("password-assignment", "e.sh", "export PASSWORD=Xk29fm|Qz81LpVw"),
    ("password-assignment", "e.sh", "PGPASSWORD=Xk29fm|Qz81LpVw psql -h db1"),
    ("password-assignment", "Dockerfile", "ENV ADMIN_PASS=Xk29fm|Qz81LpVw"),
    ("connection-string-password", "c.cs", "var c = \"Server=x;Database=y;User Id=sa;Pass|word=Xk29fm|Qz81LpVw;\";"),
    ("connection-string-password", "appsettings.json", "{\"a\": \"Pw|d=Xk29fm|Qz81LpVw;Server=db1\"}"),
    ("xml-credential", "d.xml", "<pass|word>Xk29fm|Qz81LpVw</pass|word>"),
    ("xml-credential", "settings.xml", "  <ftp:userPass|word> Xk29fm|Qz81LpVw </ftp:userPass|word>"),
    ("xml-credential", "web.config", "<add key=\"ApiSec|ret\" value=\"Xk29fm|Qz81LpVwTz83Qw\"/>"),
    ("command-line-password", "e.sh", "curl -|u admin:Xk29fm|Qz81LpVw https://api.acme.io"),
    ("command-line-password", "e.sh", "curl https://api.acme.io \\\n  --us|er 'admin:Xk29fm|Qz81LpVw'"),
    ("command-line-password", "e.sh", "my|sql -u root -pXk29fm|Qz81LpVw app"),
    ("command-line-password", "e.sh", "ssh|pass -p 'Xk29fm|Qz81LpVw' ssh bot@db1"),
    ("generic-assignment", "ci.yml", "    PAYMENT_TOKEN: ‹alnum:40›\n"),
];

/// What is no secret, and where: the permissions and the traps of claims about secrets, and what projects are full of.
const SILENT: &[(&str, &str)] = &[
    // Names of variables may be committed.
    ("README.md", "Set `BETTER_AUTH_SECRET`, `OPENAI_API_KEY` and DATABASE_PASSWORD.\n"),
    ("src/env.ts", "const key = process.env.OPENAI_API_KEY ?? c.env.API_KEY;\nexport type Env = { API_TOKEN: string };\n"),
    ("ci.yml", "env:\n  CLOUDFLARE_API_TOKEN: ${{ secrets.CLOUDFLARE_API_TOKEN }}\n"),
    // Placeholders may be committed.
    (
        ".env.example",
        "BETTER_AUTH_SECRET=your-secret-key-at-least-32-characters\nANTHROPIC_API_KEY=sk-ant-...\nJWT_SECRET=\"xxx\"\n",
    ),
    (
        ".env.example",
        "A_SECRET=changeme\nB_TOKEN=<your token>\nC_KEY=replace-with-your-key\nD_PASSWORD=dummy\nE_KEY=fake-key-0123456789\nF_TOKEN=\nG_SECRET=example-secret-value\nH_KEY=${OTHER}\nI_KEY=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
    ),
    (
        ".dev.vars.example",
        "MASTER_KEY=\"0000000000000000000000000000000000000000000=\"\nTURNSTILE_SECRET_KEY=1x0000000000000000000000000000000AA\n",
    ),
    ("docs/api.md", "curl -H 'Authorization: Bearer kfl_sys_...' https://api.example.com\nAuthorization: Bearer <token>\n"),
    ("docs/aws.md", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\nAWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"),
    ("docs/a.md", "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n"),
    ("src/pem.ts", "const begin = \"-----BEGIN PRIVATE KEY-----\";\nconst end = \"-----END PRIVATE KEY-----\";\n"),
    // Configuration without secrets may be committed, model ids and flags among it.
    (
        "wrangler.toml",
        "[vars]\nENVIRONMENT = \"production\"\nCF_AI_GATEWAY_MODEL = \"@cf/meta/llama-3.3-70b-instruct-fp8-fast\"\nMAX_TOKENS = \"4096\"\nRATE_LIMIT_KEYS_PER_MINUTE = \"60\"\n[[kv_namespaces]]\nid = \"0f2ac74b498b48028cb68387c421e279\"\n[[secrets_store_secrets]]\nstore_id = \"0f2ac74b498b48028cb68387c421e279\"\nsecret_name = \"PEPPER\"\n",
    ),
    ("wrangler.jsonc", "{ \"vars\": { \"PUBLIC_KEY\": \"MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\" } }"),
    // A path to where a secret lies may be committed.
    (
        "values.yaml",
        "secret: \"projects/acme-1/secrets/db2\"\ntoken: \"kv2/data/Team1/appTokens\"\npassword_token: \"/run/secrets/db_token1\"\n",
    ),
    // A file that only references a project may be committed.
    (
        "infisical.json",
        "{\n  \"workspaceId\": \"63ee5410a45f7a1ed39ba118\",\n  \"defaultEnvironment\": \"dev\",\n  \"gitBranchToEnvironmentMapping\": null\n}\n",
    ),
    // Migrations, seeds and schemas are legitimate.
    (
        "migrations/0001_init.sql",
        "CREATE TABLE users (id TEXT, password_hash TEXT);\nINSERT INTO settings VALUES ('plan', 'free');\n",
    ),
    (
        "db/structure.sql",
        "--\n-- PostgreSQL database dump\n--\nCREATE TABLE a (b int);\nCOPY public.schema_migrations (version) FROM stdin;\n2024\n\\.\n",
    ),
    (
        "migrations/0002.sql",
        "PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE a(b);\nINSERT INTO \"plans\" VALUES('free plan', 7);\n",
    ),
    ("db/structure.sql", "-- PostgreSQL database dump\nINSERT INTO \"schema_migrations\" (version) VALUES ('20240101');\n"),
    // Lockfiles are full of digests.
    (
        "package-lock.json",
        "\"integrity\": \"sha512-9f8Kx2LmQ7vRt4WzYb1Nc6DpJ3sGa5eUiO0q9f8Kx2LmQ7vRt4WzYb1Nc6DpJ3sGa5eUiO0q9f8Kx2LmQ7vRg==\",\n\"resolved\": \"https://registry.example.org/token/-/token-1.0.0.tgz\"\n",
    ),
    ("Cargo.lock", "name = \"secrecy\"\nchecksum = \"9bd1c54ea06cfd2f6b63219704de0b9b4f72dcc2b8fdef820be6cd799780e91e\"\n"),
    // Sources speak of secrets all the time.
    (
        "src/a.ts",
        "const token = await createToken(userId2, { expiresIn: '15m' });\nconst secretKey = deriveKey1(password, salt);\n",
    ),
    (
        "src/a.rs",
        "let api_key = ApiKey::parse(&text)?;\nconst KEY_PREFIX: &str = \"ck_live_\";\nlet password_hash = \"argon2id\";\n",
    ),
    ("src/a.go", "tokenURL := \"https://login.example.com/oauth2/v2.0/token\"\n"),
    ("src/a.py", "SECRET_NAME = \"projects/p1/secrets/db-password-v2/versions/3\"\napi_key_header = \"X-Api-Key-V2-Header\"\n"),
    (
        "src/a.ts",
        "const KEY_ID = \"2f1c9c52-0f4e-4f52-9b0e-7f8b2a4d6c1e\";\nconst accessKey = \"settings.accounts.access_key\";\n",
    ),
    (
        "src/db.ts",
        "postgres://postgres:postgres@localhost:5432/app\nredis://user:${PASSWORD}@host:6379\nhttps://user:pass@example.com\n",
    ),
    (
        "src/db.ts",
        "postgres://app:Xk29fmQz81LpVw@localhost/app amqp://a:Xk29fmQz81LpVw@127.0.0.1:5672 redis://a:Xk29fmQz81LpVw@[::1]:6379 https://a:Xk29fmQz81LpVw@git.example.com/x",
    ),
    // Forms, serializers and models name passwords in every project.
    (
        "app/forms.py",
        "form_password = forms.CharField(widget=forms.PasswordInput)\nnew_password = serializers.CharField(write_only=True)\nuser_password = request.POST[\"password\"]\nold_password=self.cleaned_data.get(\"old_password\")\n    _password = models.CharField(max_length=128)\n",
    ),
    ("app/b.go", "\tuser_password = cfg.Database.Password.Value\n\tdb_password := os.Getenv(\"DB_PASSWORD\")\n"),
    ("app/c.rb", "user_password = params[:password]\nold_password = current_user.encrypted_password\n"),
    // Passwords that are kept elsewhere, typed, spoken of, or made up for a container.
    (
        "values.yaml",
        "PASSWORD_MIN_LENGTH: 12\npassword: \"{{ vault_password }}\"\nPASSWORD: !vault |\nregistry_password: $CI_JOB_TOKEN\nA_PASSWORD: $(DB_PASSWORD)\nB_PASSWORD: %NPM_PASSWORD1%\nC_PASSWORD: file:/run/secrets/pw1\nPOSTGRES_PASSWORD_FILE: /run/secrets/postgres_password\nPOSTGRES_PASSWORD: postgres16\nSMTP_PASSWORD: op://vault/item/password1\nD_PASSWORD: changeme123!\npassword: string\nE_PASSWORD: Password123\npassword: Base64String\nF_PASSWORD: *anchor1Abc\nG_PASSWORD: secrets.db1_password\n",
    ),
    (
        "main.tf",
        "db_password = random_password.db1.result\ntoken_password = module.x1.token_secret_arn\npassword = var.db1_password\npassword = data.aws_ssm_parameter.db1.value\n",
    ),
    (
        "a.properties",
        "db.password=${DB_PASSWORD1}\nb.password=********\nc.password=your-password-1\nd.password=ENC(G6N718UuyPE5bHyWKyuLQSm02auQPUtm)\n",
    ),
    (
        "a.xml",
        "<password>${env.PASSWORD1}</password><token>xxxxxxxx1</token><secret>changeme123</secret><add key=\"TokenSecret\" value=\"__TOKEN_1__\"/>",
    ),
    ("c.cs", "\"Server=x;User Id=sa;Password={0};\" + \"Server=x;User Id=sa;Password=yourStrong(!)Password1;\""),
    (
        "e.sh",
        "curl -u admin:$PASSWORD1 https://a\ncurl -u \"user:password123\" https://a\nmysql -u root -p app1\nmysql -u root -p\"$PW1\"\ndocker run -u 1000:1000 --user node:node18 x\nsort -u file:name1\nPASSWORD=$(openssl rand -hex 16) run\n",
    ),
    // The example key of Stripe's documentation, put together here.
    ("docs/stripe.md", "STRIPE_KEY=sk|_test_4eC39HqLyjWDarjtT1zdp7dc\n"),
    ("k8s/s.yaml", "kind: Secret\nmetadata:\n  name: a\ndata:\n  password: {{ .Values.password | b64enc }}\n"),
    ("k8s/s.yaml", "kind: Secret\ndata:\n  password: Y2hhbmdlbWU=\n"),
    ("k8s/s.yaml", "kind: ConfigMap\ndata:\n  greeting: aGVsbG8gd29ybGQgMTIz\n"),
    (".npmrc", "//registry.example.org/:_authToken=${NPM_TOKEN}\nregistry=https://registry.example.org/\n"),
    ("a.md", "sk-learn-compatible-estimators-and-their-long-names, risk-adjusted-returns-of-portfolios-in-2024\n"),
    ("a.css", ".task-list-item-convert-button-with-very-long-name { color: red }\n"),
    (
        "keys.json",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"9f8Kx2LmQ7vRt4WzYb1Nc6DpJ3sGa5eUiO0q9f8Kx2L\",\"kid\":\"1\"}]}",
    ),
    (
        ".env",
        "PORT=3000\nNEXT_PUBLIC_URL=https://app.example.org\nDEBUG=true\nSTRIPE_PUBLISHABLE_KEY=pk_live_51H8\nTOKEN_TTL=15m\nPRIVATE_KEY_PATH=/run/secrets/key.pem\n",
    ),
];

/// The text with its stand-ins filled; every call with another number gives other letters.
fn filled(text: &str, number: u32) -> String {
    let text = text.replace('|', "");
    let (mut out, mut rest, mut part) = (String::new(), text.as_str(), 0_u32);
    while let Some((before, after)) = rest.split_once('‹') {
        let (standing, tail) = after.split_once('›').unwrap();
        let (alphabet, count) = standing.split_once(':').unwrap();
        let alphabet: &[u8] = match alphabet {
            "hex" => b"0123456789abcdef",
            "base32" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "bech32" => b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
            "lower" => b"abcdefghijklmnopqrstuvwxyz0123456789",
            "alpha" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
            "alnum" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "word" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "base64" => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            other => panic!("{other}"),
        };
        out.push_str(before);
        let count: usize = count.parse().unwrap();
        let mut letters = Vec::new();
        while letters.len() < count {
            part += 1;
            letters.extend_from_slice(Digest::of(&[number.to_be_bytes(), part.to_be_bytes()].concat()).as_bytes());
        }
        out.extend(letters[..count].iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])));
        rest = tail;
    }
    out + rest
}

fn found(scanner: &Scanner<'_>, path: &str, text: &str) -> Vec<String> {
    let profile = scanner.rules().profile(path);
    let scanned = scanner.scan_bytes(text.as_bytes(), Place { path, profile: &profile, commit: None }).unwrap();
    scanned.hits.into_iter().map(|hit| hit.id).collect()
}

#[test]
fn every_rule_finds_what_it_must() {
    let rules = Rules::own().unwrap();
    let scanner = Scanner::new(&rules, Key::from_bytes([1; 32]));
    let mut missed = Vec::new();
    for (id, path, text) in FOUND {
        for number in 0..20 {
            let text = filled(text, number);
            let ids = found(&scanner, path, &format!("before\n{text}\nafter\n"));
            if !ids.iter().any(|found| found == id) {
                missed.push(format!("{id} in {path}: {text:?} gave {ids:?}"));
                break;
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
    let shown: BTreeSet<&str> = FOUND.iter().map(|(id, ..)| *id).collect();
    let unshown: Vec<&str> = rules.all().iter().map(|rule| rule.id.as_str()).filter(|id| !shown.contains(id)).collect();
    assert!(unshown.is_empty(), "nothing shows that these find anything: {unshown:?}");
}

#[test]
fn what_is_no_secret_is_left_alone() {
    let rules = Rules::own().unwrap();
    let scanner = Scanner::new(&rules, Key::from_bytes([1; 32]));
    let mut told = Vec::new();
    for (path, text) in SILENT {
        let ids = found(&scanner, path, &text.replace("sk|_", "sk_"));
        if !ids.is_empty() {
            told.push(format!("{path}: {text:?} gave {ids:?}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn a_token_with_a_letter_too_many_or_too_few_is_another_thing() {
    let rules = Rules::own().unwrap();
    let scanner = Scanner::new(&rules, Key::from_bytes([1; 32]));
    for (id, text) in [
        ("github-pat", "gh|p_‹alnum:35›"),
        ("github-pat", "gh|p_‹alnum:37›"),
        ("github-pat", "xgh|p_‹alnum:36›"),
        ("aws-access-token", "AK|IA‹base32:17›"),
        ("aws-access-token", "AK|IA‹base32:15›"),
        ("digitalocean-token", "dop|_v1_‹hex:63›"),
        ("npm-access-token", "npm|_‹alnum:30›"),
    ] {
        let ids = found(&scanner, "a.txt", &filled(text, 7));
        assert!(!ids.iter().any(|found| found == id), "{id}: {ids:?}");
    }
}
