/**
 * Virtual machines of QEMU: found and stopped through QMP, captured through the memory of its
 * process, and started again from an image. Sources: QEMU's {@code docs/interop/qmp-spec} and
 * {@code qapi/*.json}.
 */
@NullMarked
package dev.stillframe.agent.qemu;

import org.jspecify.annotations.NullMarked;
