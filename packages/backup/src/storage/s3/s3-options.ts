/** How long written files can't be removed (S3 object lock). Needs a bucket with object lock. */
export interface S3Retention {
  readonly mode: 'governance' | 'compliance'
  /** Whole days from the moment of writing. */
  readonly days: number
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface S3StorageOptions {
  readonly bucket: string
  /** Without slashes at its ends; empty when the repository is the whole bucket. */
  readonly prefix?: string
  /** `https://host:port`; Amazon's when left out. */
  readonly endpoint?: string | undefined
  /** `AWS_REGION` or `us-east-1` when left out. */
  readonly region?: string | undefined
  /** Bucket in the path instead of the host name. With an endpoint of one's own this is the default. */
  readonly pathStyle?: boolean | undefined
  /** Section of the AWS configuration files. */
  readonly profile?: string | undefined
  /** Left out: environment, profile, instance role, in the order of the AWS tools. */
  readonly credentials?: S3Credentials | undefined
  readonly retention?: S3Retention | undefined
  /** Calls at once; 8 when left out. */
  readonly connections?: number | undefined
  /** Milliseconds without any byte in either direction after which a request counts as lost; 60,000 when left out. */
  readonly idleTimeout?: number | undefined
  /** For the end of a retention. */
  readonly now?: () => number
}
