import { createHash, timingSafeEqual } from 'node:crypto'

/** Somebody whom the simulated directory service knows. */
export interface Account {
  readonly name: string
  readonly password: string
  /** Names of the groups that the account is in. */
  readonly groups?: readonly string[]
  /** A suspended account may not log in. */
  readonly suspended?: boolean
}

/** A user or a group, as the directory tells of it. */
export interface DirectoryEntry {
  readonly name: string
  /** `S-1-5-21-…` */
  readonly sid: string
  readonly isGroup: boolean
  readonly groups: readonly string[]
  readonly suspended: boolean
}

/** A directory service outside of the pool, such as Active Directory: it knows passwords and groups, and nothing of roles. Kept in memory. */
export class Directory {
  readonly #accounts = new Map<string, Account>()

  /** Adds an account, or replaces the one of that name. */
  put(account: Account): void {
    this.#accounts.set(plainName(account.name), account)
  }

  /** Whether there was one. */
  remove(name: string): boolean {
    return this.#accounts.delete(plainName(name))
  }

  /** The account, if the password is theirs. */
  authenticate(name: string, password: string): DirectoryEntry | undefined {
    const account = this.#accounts.get(plainName(name))
    return account && sameSecret(account.password, password) ? userEntry(account) : undefined
  }

  /** A user or a group by name: `alice`, `NIXEN\alice` or `alice@nixen.test`. */
  byName(name: string): DirectoryEntry | undefined {
    return this.#find((entry) => plainName(entry.name) === plainName(name))
  }

  bySid(sid: string): DirectoryEntry | undefined {
    return this.#find((entry) => entry.sid === sid)
  }

  #find(wanted: (entry: DirectoryEntry) => boolean): DirectoryEntry | undefined {
    for (const account of this.#accounts.values()) {
      const user = userEntry(account)
      if (wanted(user)) return user
      for (const name of account.groups ?? []) {
        const group = { name, sid: sidOf(name), isGroup: true, groups: [], suspended: false }
        if (wanted(group)) return group
      }
    }
    return undefined
  }
}

function userEntry({ name, groups = [], suspended = false }: Account): DirectoryEntry {
  return { name, sid: sidOf(name), isGroup: false, groups, suspended }
}

/** Names are the same with and without their domain, and in capitals. */
function plainName(name: string): string {
  return (name.split('\\').at(-1) ?? '').replace(/@.*$/s, '').toLowerCase()
}

/** A security identifier that follows from the name. */
export function sidOf(name: string): string {
  const digest = createHash('sha256').update(plainName(name)).digest()
  return `S-1-5-21-1004336348-1177238915-682003330-${1000 + (digest.readUInt32BE(0) % 1_000_000_000)}`
}

/** Whether two secrets are the same, in a time that does not tell where they differ. */
export function sameSecret(a: string, b: string): boolean {
  const left = Buffer.from(a)
  const right = Buffer.from(b)
  return left.length === right.length && timingSafeEqual(left, right)
}
