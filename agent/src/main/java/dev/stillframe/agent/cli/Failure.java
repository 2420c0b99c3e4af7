package dev.stillframe.agent.cli;

import dev.stillframe.agent.demo.Demo.DemoException;
import dev.stillframe.engine.capture.SnapshotException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** A command that could not do its work; the message says what failed, why, and what to do. */
final class Failure extends Exception {
    private static final long serialVersionUID = 1;

    Failure(String message) {
        super(message);
    }

    Failure(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * An exception in one line for a person. File exceptions of the JDK name only the file, so we
     * say the rest.
     */
    static String describe(Throwable failure) {
        String text = String.valueOf(failure.getMessage());
        String line =
                switch (failure) {
                    case InterruptedException _ -> "interrupted; nothing was published";
                    case ClosedByInterruptException _ -> "interrupted; nothing was published";
                    case FileSystemException e when e.getReason() != null -> text;
                    case NoSuchFileException _ -> text + ": no such file or directory";
                    case AccessDeniedException _ -> text + ": permission denied";
                    case FileAlreadyExistsException _ -> text + ": exists already";
                    case NotDirectoryException _ -> text + ": not a directory";
                    default ->
                            failure.getMessage() == null
                                    ? failure.getClass().getSimpleName()
                                    : text;
                };
        return line.replaceAll("\\s*\\R\\s*", "; ");
    }

    /**
     * Whether the failure is one that we foresee: of the machine, the target, a file or the peer,
     * not a bug.
     */
    static boolean isForeseen(Throwable failure) {
        return failure instanceof Failure
                || failure instanceof IOException
                || failure instanceof InterruptedException
                || failure instanceof SnapshotException
                || failure instanceof DemoException;
    }
}
