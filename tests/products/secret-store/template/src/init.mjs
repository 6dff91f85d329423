// `kfl init`: gives a deployment its master key, once.
import { generateMasterKey, parseMasterKey } from "./master-key.mjs";

/**
 * `secrets` has and puts the secrets of the deployment, `ask` asks the user, `print` tells the user.
 * Answers true when a key was set.
 */
export async function init({ secrets, ask, print, masterKey }) {
  if (await secrets.has("MASTER_KEY")) {
    print("This deployment has a master key already. It is never changed: what is stored could not be read any more.");
    return false;
  }
  const key = masterKey ?? generateMasterKey();
  parseMasterKey(key);
  if (!masterKey) print(`Your master key:\n\n  ${key}\n`);
  print("Without it nothing that is stored can be read, by anyone. Save it in a password manager or a physical safe now.");
  const said = await ask("Have you saved the key? Type yes: ");
  if (said.trim().toLowerCase() !== "yes") {
    print("Nothing was set. Save the key first.");
    return false;
  }
  await secrets.put("MASTER_KEY", key);
  print("The master key is set.");
  return true;
}
