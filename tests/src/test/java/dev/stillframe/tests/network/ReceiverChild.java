package dev.stillframe.tests.network;

import java.io.IOException;
import java.nio.file.Path;

/** A receiver in a process of its own: {@code DIRECTORY PORT}; ends with its standard input. */
final class ReceiverChild {
    private ReceiverChild() {}

    @SuppressWarnings("try") // the receiver works while this waits
    public static void main(String[] arguments) throws IOException {
        try (StoreReceiver receiver =
                StoreReceiver.on(Path.of(arguments[0]), Integer.parseInt(arguments[1]))) {
            System.out.println("ready port=" + receiver.address().getPort());
            int ignored = System.in.read(); // nothing comes but the end
        }
    }
}
