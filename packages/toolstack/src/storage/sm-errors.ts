import { XapiError } from '@nixen/xapi'

/** Errors of storage managers by name: number and text (xapi-project/sm, XE_SR_ERRORCODES.xml, commit 02dd0b5; facts only). */
const errors = {
  SRInUse: [16, 'The SR device is currently in use'],
  VDIInUse: [24, 'The VDI is currently in use'],
  Unimplemented: [38, 'The requested method is not supported/implemented'],
  SRExists: [42, 'The SR already exists'],
  VDIExists: [43, 'The VDI already exists'],
  SRNoSpace: [44, 'There is insufficient space'],
  VDIUnavailable: [46, 'The VDI is not available'],
  SRUnavailable: [47, 'The SR is not available'],
  SRUnknownType: [48, 'Unknown repository type'],
  SRNotEmpty: [39, 'The SR is not empty'],
  VDILoad: [65, 'Failed to load VDI'],
  VDIType: [66, 'Invalid VDI type'],
  VDICreate: [78, 'VDI Creation failed'],
  VDISize: [79, 'VDI Invalid size'],
  VDISnapshot: [82, 'Failed to snapshot VDI'],
  ConfigLocationMissing: [94, 'The request is missing the location parameter'],
  SnapshotChainTooLong: [109, 'The snapshot chain is too long'],
  EIO: [200, 'General IO error'],
  ISODconfMissingLocation: [220, "'Location' parameter must be specified in Device Configuration"],
  ISOLocalPath: [226, 'Invalid local path'],
  CBTActivateFailed: [457, 'Unable to activate changed block tracking.'],
  CBTDeactivateFailed: [458, 'Unable to deactivate changed block tracking.'],
  CBTMetadataInconsistent: [459, 'Changed block tracking log is in an inconsistent state.'],
  CBTChangedBlocksError: [460, 'Failed to calculate changed blocks for given VDIs.'],
} as const

/** Name of an error of a storage manager. */
export type SmErrorName = keyof typeof errors

/** The error a host answers with when its storage manager fails; `detail` is what a driver calls `opterr`. */
export function smError(name: SmErrorName, detail?: string, options: { cause?: unknown } = {}): XapiError {
  const [number, text] = errors[name]
  const message = detail === undefined ? text : `${text} [opterr=${detail}]`
  return new XapiError(`SR_BACKEND_FAILURE_${number}`, ['', message, ''], options)
}
