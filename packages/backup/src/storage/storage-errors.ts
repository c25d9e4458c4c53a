import { catalogue, formatBytes, type ErrorCatalogue, type ErrorSpec } from '@nixen/core'

interface Where {
  /** Path or address of the file, without credentials. */
  readonly where: string
}

interface Reason extends Where {
  readonly reason: string
}

const specs = {
  not_found: {
    status: 404,
    text: (p: Where) => `${p.where} does not exist.`,
  },
  exists: {
    status: 409,
    text: (p: Where) => `${p.where} exists already. Files of a repository are never written twice.`,
  },
  full: {
    status: 507,
    text: (p: Where) =>
      `No space is left to write ${p.where}. Free some space or raise the quota, then run this again.`,
  },
  denied: {
    status: 403,
    text: (p: Reason) =>
      `Access to ${p.where} is refused (${p.reason}). Check the permissions, the mount and the credentials.`,
  },
  unavailable: {
    status: 503,
    retryable: true,
    text: (p: Reason) => `${p.where} can't be reached at the moment (${p.reason}). Try again later.`,
  },
  failed: {
    text: (p: Reason) =>
      `The storage failed at ${p.where} (${p.reason}). Check the disk, the file system and the system log.`,
  },
  truncated: {
    text: (p: Where & { expected: number; received: number }) =>
      `${p.where} is shorter than it should be: ${formatBytes(p.received)} of ${formatBytes(p.expected)}. Run a check of the repository.`,
  },
  bad_url: {
    status: 400,
    text: (p: { url: string; reason: string }) =>
      `${p.url} is not the address of a storage: ${p.reason}. Use a directory, file:///path or s3://bucket/prefix?endpoint=https://host.`,
  },
} satisfies Record<string, ErrorSpec<never>>

/** What storages answer with. `unavailable` is the only one that is worth another try without any change. */
export const storageErrors: ErrorCatalogue<typeof specs> = catalogue('storage', specs)
