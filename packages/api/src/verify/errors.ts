import { errorArea } from '../errors/area.ts'

/** Errors about health checks of restore points. */
export const verifyArea = errorArea('verify', {
  failed: {
    status: 409,
    text: (p: { name: string; point: string; reason: string }) =>
      `The restore point ${p.point} of ${p.name} did not pass its health check: ${p.reason}`,
    example: {
      name: 'web-01',
      point: 'k3f9x2ab.5956a3f67a62',
      reason: 'the guest agent did not report within 10 min.',
    },
  },
  not_possible: {
    status: 422,
    text: (p: { name: string; reason: string }) => `No health check of ${p.name} can be made: ${p.reason}`,
    example: { name: 'web-01', reason: 'hosts of this kind have none.' },
  },
  no_point: {
    status: 409,
    text: (p: { name: string }) => `There is no restore point of ${p.name} to check. Back it up first.`,
    example: { name: 'web-01' },
  },
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no health check ${p.id} of this restore point.`,
    example: { id: '5956a3f67a62' },
  },
  no_picture: {
    status: 404,
    text: (p: { id: string }) =>
      `The health check ${p.id} has no picture: the VM had no screen, or did not come so far.`,
    example: { id: '5956a3f67a62' },
  },
})
export const verifyErrors = verifyArea.make
