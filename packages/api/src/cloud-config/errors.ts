import { errorArea } from '../errors/area.ts'

/** Errors about saved configurations for cloud-init. */
export const cloudConfigArea = errorArea('cloud_config', {
  not_found: {
    status: 404,
    text: (p: { id: string }) => `There is no saved configuration ${p.id}.`,
    example: { id: 'k3f9x2ab' },
  },
  exists: {
    status: 409,
    text: (p: { name: string }) => `There is a saved configuration "${p.name}" already. Choose another name.`,
    example: { name: 'Debian web' },
  },
})
export const cloudConfigErrors = cloudConfigArea.make
