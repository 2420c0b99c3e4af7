package dev.stillframe.agent.qemu;

import com.fasterxml.jackson.databind.JsonNode;
import dev.stillframe.engine.instant.MachineState;
import dev.stillframe.engine.linux.Inbox;
import dev.stillframe.engine.process.TargetException;
import java.io.IOException;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What QEMU writes the state of its devices to: a file without a name, of which QEMU gets a
 * descriptor. QEMU may be somebody else's and see other files than we do: in a directory that it
 * can write to, a link or a pipe could stand where the state is expected. Source: QEMU,
 * docs/interop/qmp-spec, {@code add-fd}; {@code /dev/fdset/N} stands for a file's name.
 */
final class DeviceState implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(DeviceState.class);

    private final Qmp qmp;
    private final Inbox file;
    private final int set;

    private DeviceState(Qmp qmp, Inbox file, int set) {
        this.qmp = qmp;
        this.file = file;
        this.set = set;
    }

    /**
     * Gives QEMU the descriptor, which it keeps until this is closed, or its last monitor's
     * connection is.
     */
    static DeviceState create(Qmp qmp) throws IOException {
        Inbox file = Inbox.create("stillframe-devices");
        boolean done = false;
        try {
            JsonNode given = qmp.execute("add-fd", file);
            if (!given.path("fdset-id").canConvertToInt()) {
                throw new TargetException(
                        "QEMU does not say what it calls the file for the state of its devices: "
                                + given);
            }
            done = true;
            return new DeviceState(qmp, file, given.path("fdset-id").asInt());
        } finally {
            if (!done) {
                file.close();
            }
        }
    }

    /** Has QEMU write it; the machine must stand. */
    byte[] save(Qmp qmp) throws IOException {
        qmp.execute(
                VirtualMachine.SAVE_DEVICES,
                Map.of("filename", "/dev/fdset/" + set, "live", false));
        byte[] state = file.read(MachineState.MAX_DEVICES_BYTES + 1);
        if (state.length > MachineState.MAX_DEVICES_BYTES) {
            throw new TargetException(
                    "the state of QEMU's devices takes more than the %d bytes that are stored"
                            .formatted(MachineState.MAX_DEVICES_BYTES));
        }
        if (state.length == 0) {
            throw new TargetException(
                    "QEMU said that it saved the state of its devices, and wrote nothing");
        }
        return state;
    }

    @Override
    public void close() {
        file.close();
        try {
            qmp.execute("remove-fd", Map.of("fdset-id", set));
        } catch (IOException e) { // it closes the descriptor when it notices that we have gone
            LOG.warn("QEMU still has the file for the state of its devices: {}", e.getMessage());
        }
    }
}
