/** The page carries a signature of its own, bound to the document it shows, so that what an auditor looks at can be checked too. */
import type { Signer, Verifier } from './sign.ts';

const SEAL = /<!-- assay page (sha256:[0-9a-f]{64}) (sha256:[0-9a-f]{64}) ([A-Za-z0-9+/]{85}[AQgw]==) -->\n$/;

const sealedText = (page: string, documentHash: string) => `assay/certificate-page\n${documentHash}\n${page}`;

/** The page with its signature as a last comment. */
export function sealedPage(page: string, documentHash: string, signer: Signer): string {
  return `${page}<!-- assay page ${documentHash} ${signer.key} ${signer.sign(sealedText(page, documentHash))} -->\n`;
}

/** What is wrong with a page that should show this document; null where nothing is. */
export function pageFault(text: string, documentHash: string, verifier: Verifier): string | null {
  const match = SEAL.exec(text);
  const [, hash = '', key = '', signature = ''] = match ?? [];
  if (match === null) return 'the page carries no signature';
  if (hash !== documentHash) return 'the page shows another document';
  if (!verifier.verify({ text: sealedText(text.slice(0, match.index), hash), key, signature })) return 'the page does not match its signature';
  return null;
}
