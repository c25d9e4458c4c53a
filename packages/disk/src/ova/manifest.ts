import { createHash, type Hash } from 'node:crypto'
import { ovaErrors } from './errors.ts'

export const maxManifest: number = 1024 * 1024

type Algorithm = 'sha1' | 'sha256' | 'sha512'
const algorithms: readonly Algorithm[] = ['sha1', 'sha256', 'sha512']

interface Digest {
  readonly algorithm: Algorithm
  readonly hex: string
}

/** Digests of files: `SHA256(disk.vmdk)= 0123…`. Lines of other kinds are passed over. */
export function parseManifest(text: string): Map<string, Digest> {
  const digests = new Map<string, Digest>()
  for (const line of text.split(/\r?\n/)) {
    const match = /^(SHA1|SHA256|SHA512)\s*\((.*)\)\s*=\s*([0-9a-f]+)\s*$/i.exec(line)
    if (!match) continue
    // The pattern lets only these three through.
    const algorithm = (match[1] ?? '').toLowerCase() as Algorithm
    digests.set(match[2] ?? '', { algorithm, hex: (match[3] ?? '').toLowerCase() })
  }
  return digests
}

/** Compares files with the manifest, whichever of them comes first. */
export class ManifestVerifier {
  readonly #path: string
  #manifest: Map<string, Digest> | undefined
  readonly #seen = new Map<string, ReadonlyMap<Algorithm, string>>()

  constructor(path: string) {
    this.#path = path
  }

  /** Takes the manifest, and compares what was read before it came. */
  setManifest(text: string): void {
    this.#manifest = parseManifest(text)
    for (const [file, hexes] of this.#seen) this.#compare(file, hexes)
  }

  /** Starts on a file: feed its bytes, then call `end`, which throws `ova.digest` when they are not what they should be. */
  start(file: string): { update(bytes: Uint8Array): void; end(): void } {
    // Without a manifest yet nobody knows which digest will be asked for.
    const known = this.#manifest?.get(file)
    const wanted = this.#manifest ? (known ? [known.algorithm] : []) : algorithms
    const hashes: [Algorithm, Hash][] = wanted.map((algorithm) => [algorithm, createHash(algorithm)])
    return {
      update: (bytes) => {
        for (const [, hash] of hashes) hash.update(bytes)
      },
      end: () => {
        const hexes = new Map(hashes.map(([algorithm, hash]) => [algorithm, hash.digest('hex')]))
        if (this.#manifest) this.#compare(file, hexes)
        else this.#seen.set(file, hexes)
      },
    }
  }

  #compare(file: string, hexes: ReadonlyMap<Algorithm, string>): void {
    const expected = this.#manifest?.get(file)
    if (!expected || hexes.get(expected.algorithm) === expected.hex) return
    throw ovaErrors.digest({ path: this.#path, file, algorithm: expected.algorithm.toUpperCase() })
  }
}
