/**
 * Virtual machines that tests take snapshots of: QEMU with Debian's cloud kernel and a load that
 * verifies its own memory. They run without KVM, so that they run where the tests are a guest
 * themselves.
 */
@NullMarked
package dev.stillframe.tests.qemu;

import org.jspecify.annotations.NullMarked;
