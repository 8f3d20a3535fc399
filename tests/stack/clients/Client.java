import java.io.*;
import java.nio.charset.StandardCharsets;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.*;
import javax.net.ssl.*;

/** Calls by a client of Java's, one a line on standard input (see client.py). */
abstract class Client {
    record Answer(String protocol, int status, Map<String, List<String>> headers, String body) {}

    abstract Answer call(String method, String url, Map<String, String> headers, String body) throws Exception;

    void run(String base) throws Exception {
        String location = "";
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = lines.readLine()) != null; ) {
            String[] parts = line.split("\t", -1);
            var headers = new TreeMap<String, String>();
            if (!parts[2].isEmpty()) headers.put("Prefer", parts[2]);
            var answer = call(parts[0], base + (parts[1].equals("-") ? location : parts[1]), headers, parts[3]);
            location = answer.headers.getOrDefault("location", List.of(location)).get(0);
            System.out.println(told(answer));
        }
    }

    static X509TrustManager trust(String certificate) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var file = new FileInputStream(certificate)) {
            store.setCertificateEntry("relay", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return (X509TrustManager) factory.getTrustManagers()[0];
    }

    static SSLContext context(X509TrustManager trust) throws Exception {
        var context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {trust}, null);
        return context;
    }

    private static String told(Answer answer) {
        var headers = new StringJoiner(", ", "{", "}");
        answer.headers.forEach((name, values) -> headers.add(quoted(name) + ": " + quoted(values.get(0))));
        return String.format(
            "{\"protocol\": %s, \"status\": %d, \"headers\": %s, \"body\": %s}",
            quoted(answer.protocol), answer.status, headers, quoted(answer.body));
    }

    private static String quoted(String text) {
        var out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c < ' ') out.append(String.format("\\u%04x", (int) c));
            else if (c == '"' || c == '\\') out.append('\\').append(c);
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
