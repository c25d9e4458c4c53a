import { textParser } from '../parse.ts'

/** Flags of every command on a repository. */
export interface RepoFlags {
  readonly repo?: string
  readonly passwordFile?: string
}

export const repoFlags = {
  repo: {
    kind: 'parsed',
    parse: textParser,
    brief: 'Repository: a directory or s3://BUCKET/PREFIX?endpoint=…; NIXEN_REPO when left out',
    placeholder: 'WHERE',
    optional: true,
  },
  passwordFile: {
    kind: 'parsed',
    parse: textParser,
    brief: 'File with the password; NIXEN_REPO_PASSWORD or a prompt when left out',
    placeholder: 'FILE',
    optional: true,
  },
} as const
