import { createDecipheriv } from 'node:crypto'
import { xoErrors } from './errors.ts'

/** How files of a repository are sealed: each by itself, `iv (12) || ciphertext || tag (16)`. */
export type XoCipher = 'none' | 'chacha20-poly1305' | 'aes-256-gcm'

export const ivSize = 12
export const tagSize = 16

/** Opens sealed files with one key. */
export interface XoSeal {
  readonly algorithm: XoCipher
  /** The whole content of a file. @throws xo.damaged when it was changed, or the key is another one */
  open(file: string, sealed: Buffer): Buffer
  /** Opens a large file piece by piece: what is given out counts only once `end` was reached. */
  stream(iv: Buffer): { update(part: Buffer): Buffer; end(tag: Buffer, file: string): void }
}

export const noSeal: XoSeal = {
  algorithm: 'none',
  open: (_file, sealed) => sealed,
  stream: () => ({ update: (part) => part, end: () => undefined }),
}

/** The key is used as the bytes that it is written with. */
export function sealOf(algorithm: Exclude<XoCipher, 'none'>, key: string): XoSeal {
  const bytes = Buffer.from(key, 'utf8')
  const make = (iv: Buffer) =>
    // Both are authenticated ciphers of the same shape; Node types them apart by name.
    createDecipheriv(algorithm as 'chacha20-poly1305', bytes, iv, { authTagLength: tagSize })
  return {
    algorithm,
    open(file, sealed) {
      if (sealed.length < ivSize + tagSize) throw xoErrors.damaged({ file, what: 'it is too short' })
      const decipher = make(sealed.subarray(0, ivSize))
      decipher.setAuthTag(sealed.subarray(sealed.length - tagSize))
      try {
        const plain = decipher.update(sealed.subarray(ivSize, sealed.length - tagSize))
        return Buffer.concat([plain, decipher.final()])
      } catch (cause) {
        throw xoErrors.damaged({ file, what: 'its seal does not fit' }, { cause })
      }
    },
    stream(iv) {
      const decipher = make(iv)
      return {
        update: (part) => decipher.update(part),
        end(tag, file) {
          decipher.setAuthTag(tag)
          try {
            decipher.final()
          } catch (cause) {
            throw xoErrors.damaged({ file, what: 'its seal does not fit' }, { cause })
          }
        },
      }
    },
  }
}
