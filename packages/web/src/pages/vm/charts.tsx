import type { ReactNode } from 'react'
import { StatsCharts } from '../../charts/stats-charts.tsx'
import { VmFrame } from './frame.tsx'

/** What was measured of a VM. */
export function VmChartsPage(): ReactNode {
  return <VmFrame>{({ id, name }) => <StatsCharts objects={[{ type: 'vm', id, name }]} />}</VmFrame>
}
